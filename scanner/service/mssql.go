package service

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// preLogin is the first message of TDS ([MS-TDS] 2.2.6.5): it asks for the version.
var preLogin = []byte{
	0x12, 1, 0, 26, 0, 0, 1, 0, // header
	0, 0, 11, 0, 6, // VERSION
	1, 0, 17, 0, 1, // ENCRYPTION
	0xff,
	0, 0, 0, 0, 0, 0,
	2, // not supported: nothing is going to be sent
}

func askMSSQL(c *conn) Answer {
	return parsePreLogin(c.ask(preLogin, 4096, func(b []byte) bool {
		return len(b) >= 4 && len(b) >= int(binary.BigEndian.Uint16(b[2:]))
	}))
}

func parsePreLogin(b []byte) Answer {
	if len(b) < 9 || b[0] != 4 || b[1] != 1 {
		return Answer{}
	}
	body := b[8:]
	for at := 0; at+5 <= len(body) && body[at] != 0xff; at += 5 {
		offset, size := int(binary.BigEndian.Uint16(body[at+1:])), int(binary.BigEndian.Uint16(body[at+3:]))
		if body[at] != 0 || size < 6 || offset+size > len(body) {
			continue
		}
		v := body[offset:]
		f := Facts{}
		f.set("mssql.version", fmt.Sprintf("%d.%d.%d", v[0], v[1], binary.BigEndian.Uint16(v[2:])))
		return Answer{Service: "mssql", Banner: "SQL Server " + f["mssql.version"], Facts: f}
	}
	return Answer{}
}

// askSQLBrowser lists the instances of SQL Server ([MC-SQLR] 2.2.2).
func askSQLBrowser(c *conn) Answer { return parseSQLBrowser(c.datagram([]byte{3})) }

// maxInstances is how many instances are kept.
const maxInstances = 8

// parseSQLBrowser reads NAME;VALUE;NAME;VALUE;; once for each instance ([MC-SQLR] 2.2.5).
func parseSQLBrowser(b []byte) Answer {
	if len(b) < 3 || b[0] != 5 || !strings.HasPrefix(string(b[3:]), "ServerName;") {
		return Answer{}
	}
	f := Facts{}
	var instances []string
	for text := range strings.SplitSeq(string(b[3:]), ";;") {
		words := strings.Split(text, ";")
		value := map[string]string{}
		for i := 0; i+1 < len(words) && i < 32; i += 2 {
			value[strings.ToLower(words[i])] = words[i+1]
		}
		if value["instancename"] == "" || len(instances) == maxInstances {
			continue
		}
		if len(instances) == 0 {
			f.set("mssql.server", value["servername"])
			f.set("mssql.version", value["version"])
		}
		one := value["instancename"] + " " + value["version"]
		if value["tcp"] != "" {
			one += " port " + value["tcp"]
		}
		instances = append(instances, one)
	}
	f.set("mssql.instances", strings.Join(instances, ", "))
	return Answer{Service: "mssql-browser", Banner: f["mssql.instances"], Facts: f}
}
