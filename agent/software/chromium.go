package software

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const maxExtension = 512 << 10

// chromium lists the extensions in one profile's folder Extensions/<id>/<version>
// (https://developer.chrome.com/docs/extensions/reference/manifest). A version that an
// update replaced stays until the browser is closed; the newest counts.
func chromium(f *finder, dir string) []inventory.Software {
	var list []inventory.Software
	f.within(dir, func(f *finder) {
		for _, e := range f.list(".") {
			if !e.IsDir() || !extensionID(e.Name()) {
				continue
			}
			newest := ""
			for _, version := range f.list(e.Name()) {
				if v := version.Name(); version.IsDir() && (newest == "" || laterVersion(v, newest)) {
					newest = v
				}
			}
			if newest == "" {
				continue
			}
			s, err := chromiumExtension(f, path.Join(e.Name(), newest))
			if err != nil {
				f.note(e.Name(), err)
			}
			s.Source, s.Path = browser(f.dir), f.at(e.Name())
			list = append(list, s)
		}
	})
	return list
}

// extensionID says whether a name is 32 letters from a to p.
func extensionID(name string) bool {
	return len(name) == 32 && strings.Trim(name, "abcdefghijklmnop") == ""
}

func chromiumExtension(f *finder, dir string) (inventory.Software, error) {
	b := f.read(dir+"/manifest.json", maxExtension)
	if b == nil {
		return inventory.Software{}, nil
	}
	s, locale, err := ParseChromiumManifest(b)
	if key, ok := strings.CutPrefix(s.Name, "__MSG_"); ok {
		messages := f.read(dir+"/_locales/"+path.Base(locale)+"/messages.json", 4<<20)
		s.Name = cmp.Or(ParseChromiumMessage(messages, strings.TrimSuffix(key, "__")), path.Base(path.Dir(dir))) // or its id
	}
	return s, err
}

// ParseChromiumManifest reads manifest.json. A name of the form __MSG_key__ stands in the
// messages of the default locale, which it also gives.
func ParseChromiumManifest(b []byte) (s inventory.Software, locale string, err error) {
	var m struct {
		Name, Version, Author string
		DefaultLocale         string `json:"default_locale"`
	}
	if err := decode(b, &m); err != nil {
		return s, "", fmt.Errorf("parse manifest.json: %w", err)
	}
	return inventory.Software{
		Kind: inventory.KindExtension, Name: source.Text(m.Name), Version: source.Text(m.Version),
		Publisher: withoutAddress(m.Author),
	}, source.Text(m.DefaultLocale), nil
}

// ParseChromiumMessage finds one message in messages.json; keys are the same in upper and
// lower case (https://developer.chrome.com/docs/extensions/how-to/ui/localization-message-formats).
func ParseChromiumMessage(b []byte, key string) string {
	found := ""
	_ = jsonItems(bytes.NewReader(b), func(name string, value json.RawMessage) error { // without a message there is the id
		var m struct{ Message string }
		if strings.EqualFold(name, key) && decode(value, &m) == nil {
			found = source.Text(m.Message)
		}
		return nil
	})
	return found
}

// browser is the name of the browser to which a profile belongs.
func browser(dir string) string {
	dir = strings.ToLower(dir)
	for _, b := range []struct{ part, name string }{
		{"brave", "brave"}, {"vivaldi", "vivaldi"}, {"opera", "opera"}, {"edge", "edge"}, {"arc/", "arc"}, {"chromium", "chromium"},
	} {
		if strings.Contains(dir, b.part) {
			return b.name
		}
	}
	return "chrome"
}

// laterVersion compares versions such as 1.10.0_0 number by number.
func laterVersion(a, b string) bool {
	x, y := strings.FieldsFunc(a, notDigit), strings.FieldsFunc(b, notDigit)
	for i := range min(len(x), len(y)) {
		m, _ := strconv.Atoi(x[i]) // only digits
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m > n
		}
	}
	return len(x) > len(y)
}

func notDigit(r rune) bool { return r < '0' || r > '9' }
