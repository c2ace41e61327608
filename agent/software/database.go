package software

import (
	"bytes"
	"encoding/xml"
	"path"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// databases tells database engines that came with an installer or an archive of their
// own, by files that name version and edition. It connects to none. Engines from the
// system's packages are listed with these; a folder of data says nothing more of them.
func databases(f *finder, place string) []inventory.Software {
	var s inventory.Software
	switch base := path.Base(place); {
	case base == "oraInst.loc":
		central := properties(f.read(place, 64<<10), "=")["inventory_loc"]
		return oracleHomes(f, onTree(central)+"/ContentsXML/inventory.xml")
	case base == "inventory.xml":
		return oracleHomes(f, place)
	case base == "pg_config.h":
		s = ParsePostgreSQL(f.read(place, 512<<10))
	case base == "mysql_version.h", base == "mariadb_version.h":
		s = ParseMySQL(f.read(place, 64<<10))
	case base == "errorlog":
		s = ParseSQLServerLog(f.head(place, 4<<10))
	case strings.HasPrefix(base, "mongodb-"):
		s = mongoDB(base)
	case strings.Contains(place, "/db2/"):
		s = inventory.Software{Name: "Db2", Version: source.Text(strings.TrimPrefix(base, "V")), Publisher: "IBM"}
	}
	s.Source, s.Path = "database", f.at(place)
	return []inventory.Software{s}
}

// onTree makes a name for a tree of a path as the system writes it: C:\app\oracle.
func onTree(name string) string {
	name = strings.ReplaceAll(name, `\`, "/")
	if len(name) > 1 && name[1] == ':' {
		name = name[2:]
	}
	return strings.Trim(path.Clean("/"+name), "/")
}

const maxOracleHomes = 64

// oracleHomes lists the Oracle databases among the homes in the installer's central
// inventory (https://docs.oracle.com/cd/E24628_01/em.121/e37799/ch2_manage_oh.htm).
func oracleHomes(f *finder, name string) []inventory.Software {
	var list []inventory.Software
	for _, home := range ParseOracleInventory(f.read(name, 1<<20)) {
		components := f.head(onTree(home)+"/inventory/ContentsXML/comps.xml", 512<<10)
		variables := f.head(onTree(home)+"/inventory/globalvariables/oracle.server/globalvariables.xml", 512<<10)
		if s := ParseOracleHome(components, variables); s.Name != "" {
			s.Path = source.Text(home)
			list = append(list, s)
		}
	}
	return list
}

// tags calls visit with the attributes of the elements of a name. What is before a
// damage, or the end of what was read, counts.
func tags(document []byte, name string, visit func([]xml.Attr)) {
	_ = visitXML(bytes.NewReader(utf8Text(document)), func(path []string, attributes []xml.Attr) error { // see above
		if path[len(path)-1] == name {
			visit(attributes)
		}
		return nil
	}, nil)
}

// ParseOracleInventory gives the homes that are not removed: <HOME NAME="" LOC="" .../>.
func ParseOracleInventory(b []byte) []string {
	var homes []string
	tags(b, "HOME", func(a []xml.Attr) {
		if loc := attribute(a, "LOC"); loc != "" && attribute(a, "REMOVED") != "T" && len(homes) < maxOracleHomes {
			homes = append(homes, loc)
		}
	})
	return homes
}

// ParseOracleHome reads the version of the component oracle.server of a home, and the
// edition with which it was installed: EE, SE2, SE, XE.
func ParseOracleHome(components, variables []byte) inventory.Software {
	var s inventory.Software
	tags(components, "COMP", func(a []xml.Attr) {
		if attribute(a, "NAME") == "oracle.server" && s.Name == "" {
			s = inventory.Software{
				Source: "database", Name: "Oracle Database", Version: source.Text(attribute(a, "VER")), Publisher: "Oracle Corporation",
			}
		}
	})
	tags(variables, "VAR", func(a []xml.Attr) {
		if s.Name != "" && attribute(a, "NAME") == "oracle_install_db_InstallType" {
			s.Edition = source.Text(attribute(a, "VALUE"))
		}
	})
	return s
}

// defines reads the #define lines of a C header.
func defines(b []byte) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if f := strings.SplitN(strings.Join(strings.Fields(line), " "), " ", 3); len(f) == 3 && f[0] == "#define" && len(m) < 2000 {
			m[f[1]] = source.Text(strings.Trim(f[2], `"`))
		}
	}
	return m
}

// ParsePostgreSQL reads pg_config.h, which every installation has for those who build
// against it.
func ParsePostgreSQL(b []byte) inventory.Software {
	m := defines(b)
	s := inventory.Software{Name: "PostgreSQL", Version: m["PG_VERSION"], Publisher: "PostgreSQL Global Development Group"}
	if s.Version == "" {
		return inventory.Software{}
	}
	if strings.Contains(m["PG_VERSION_STR"], "EnterpriseDB Advanced Server") {
		s.Edition, s.Publisher = "EnterpriseDB Advanced Server", "EnterpriseDB"
	}
	return s
}

// ParseMySQL reads mysql_version.h or mariadb_version.h. MySQL's names the edition in the
// comment with which it was compiled: "MySQL Enterprise Server - Commercial".
func ParseMySQL(b []byte) inventory.Software {
	m := defines(b)
	s := inventory.Software{Name: "MySQL Server", Version: m["MYSQL_SERVER_VERSION"], Publisher: "Oracle Corporation"}
	comment := m["MYSQL_COMPILATION_COMMENT_SERVER"]
	if comment == "" {
		comment = m["MYSQL_COMPILATION_COMMENT"]
	}
	switch {
	case m["MARIADB_CLIENT_VERSION_STR"] != "" || strings.Contains(s.Version, "MariaDB"):
		s.Name, s.Publisher = "MariaDB Server", "MariaDB"
		if v := m["MARIADB_CLIENT_VERSION_STR"]; v != "" {
			s.Version = v
		}
		s.Version, _, _ = strings.Cut(s.Version, "-MariaDB")
	case strings.Contains(comment, "Enterprise"):
		s.Edition = "Enterprise"
	case strings.Contains(comment, "Cluster"):
		s.Edition = "Cluster"
	case strings.Contains(comment, "Community"):
		s.Edition = "Community"
	}
	if s.Version == "" {
		return inventory.Software{}
	}
	return s
}

// ParseSQLServerLog reads the beginning of SQL Server's error log, in UTF-8 or UTF-16. A
// start of the server begins the log anew, with version and edition:
//
//	2024-01-01 00:00:00.00 Server      Microsoft SQL Server 2022 (RTM-CU10) (KB5031778) - 16.0.4095.4 (X64)
//		Oct 30 2023 16:12:44
//		Copyright (C) 2022 Microsoft Corporation
//		Developer Edition (64-bit) on Linux (Ubuntu 22.04.3 LTS) <X64>
func ParseSQLServerLog(b []byte) inventory.Software {
	_, text, found := strings.Cut(string(utf8Text(b)), "Microsoft SQL Server ")
	first, rest, _ := strings.Cut(text, "\n")
	product, version, versioned := strings.Cut(first, " - ")
	if !found || !versioned {
		return inventory.Software{}
	}
	year, _, _ := strings.Cut(product, " ")
	version, _, _ = strings.Cut(version, " ")
	s := inventory.Software{Name: source.Text("Microsoft SQL Server " + year), Version: source.Text(version), Publisher: "Microsoft Corporation"}
	for line := range strings.Lines(rest) {
		if edition, _, ok := strings.Cut(line, " Edition"); ok {
			s.Edition = source.Text(edition)
			break
		}
	}
	return s
}

// mongoDB reads the name of the folder in MongoDB's archive:
// mongodb-linux-x86_64-enterprise-ubuntu2204-7.0.5.
func mongoDB(folder string) inventory.Software {
	parts := strings.Split(folder, "-")
	version := parts[len(parts)-1]
	if _, err := strconv.Atoi(strings.ReplaceAll(version, ".", "")); err != nil {
		return inventory.Software{}
	}
	s := inventory.Software{Name: "MongoDB Server", Version: source.Text(version), Publisher: "MongoDB, Inc.", Edition: "Community"}
	if strings.Contains(folder, "-enterprise-") {
		s.Edition = "Enterprise"
	}
	return s
}
