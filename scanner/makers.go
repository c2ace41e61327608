package scanner

import (
	"bufio"
	"encoding/hex"
	"io"
	"os"
	"strings"

	"github.com/gopacket/gopacket/macs"

	"github.com/muster-itam/muster/scanner/ether"
)

// makers knows who made a network card by the first three bytes of its address: by the
// system's copy of the IEEE registry where there is one, else by the built-in one.
type makers struct {
	system map[[3]byte]string
}

// ieeeFiles are where Debian's ieee-data and Fedora's hwdata put the registry.
var ieeeFiles = []string{"/usr/share/ieee-data/oui.txt", "/var/lib/ieee-data/oui.txt", "/usr/share/hwdata/oui.txt"}

func loadMakers() *makers {
	for _, name := range ieeeFiles {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		m := parseOUI(f)
		_ = f.Close()
		if len(m) > 0 {
			return &makers{system: m}
		}
	}
	return &makers{}
}

// of is the maker of m's card; "" for addresses that were made up or are shared.
func (k *makers) of(m ether.MAC) string {
	if !m.Unicast() || m.Local() || virtualMAC(m) != "" {
		return ""
	}
	prefix := [3]byte(m[:3])
	if name := k.system[prefix]; name != "" {
		return name
	}
	return macs.ValidMACPrefixMap[prefix]
}

// maxMakers bounds what is read of the registry, which has some 40,000 entries.
const maxMakers = 200_000

// parseOUI reads the IEEE's oui.txt: of each entry the line "28-6F-B9   (hex)		Maker".
func parseOUI(r io.Reader) map[[3]byte]string {
	out := map[[3]byte]string{}
	sc := bufio.NewScanner(r)
	for sc.Scan() && len(out) < maxMakers {
		prefix, name, ok := strings.Cut(sc.Text(), "(hex)")
		if !ok {
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(prefix), "-", ""))
		if name = strings.TrimSpace(name); err == nil && len(b) == 3 && name != "" {
			out[[3]byte(b)] = name
		}
	}
	return out
}
