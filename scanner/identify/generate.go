//go:build ignore

// Generate makes enterprises.gz of IANA's list of enterprise numbers
// (https://www.iana.org/assignments/enterprise-numbers.txt, also in Debian's ipmitool):
//
//	go run generate.go enterprise-numbers.txt
//
// A line of it is a number, a tabulator and an organisation's name without legal forms.
package main

import (
	"bufio"
	"compress/gzip"
	"log"
	"os"
	"regexp"
	"strconv"
	"strings"
)

var (
	number  = regexp.MustCompile(`^\d+$`)
	remarks = regexp.MustCompile(`\s*[\(\[].*|\s*[-,;/]?\s*\b(formerly|previously|fka|f/k/a|aka|dba|d/b/a)\b.*|\s+-\s.*|\s*https?:.*`)
	ending  = regexp.MustCompile(`(?i)[\s,.]+(inc|incorporated|corp|corporation|co|company|ltd|limited|llc|l\.l\.c|gmbh|ag|kg|ohg|e\.?k|ug|se|sa|s\.a|s\.?a\.?s|s\.?a\.?r\.?l|s\.?r\.?l|s\.?p\.?a|spa|sl|s\.l|bv|b\.v|nv|n\.v|ab|oy|oyj|a/s|aps|asa|as|plc|pty|pvt|pte|kft|sp\.? z ?o\.?o|s\.?r\.?o|a\.s|d\.o\.o|k\.k|kk|ltda|& co|gmbh & co|international|holdings?)\.?$`)
	nobody  = regexp.MustCompile(`(?i)^(reserved|unassigned|none|not assigned|private|test|n/a|deleted|removed.*)$`)
)

func main() {
	in, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.Create("enterprises.gz")
	if err != nil {
		log.Fatal(err)
	}
	out, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		log.Fatal(err)
	}
	lines, n := bufio.NewScanner(in), ""
	for lines.Scan() {
		text := lines.Text()
		if number.MatchString(text) {
			n = text
			continue
		}
		if name := clean(text); n != "" && name != "" {
			if _, err := strconv.Atoi(n); err != nil {
				log.Fatal(err)
			}
			if _, err := out.Write([]byte(n + "\t" + name + "\n")); err != nil {
				log.Fatal(err)
			}
		}
		n = "" // the lines after the first are about people
	}
	for _, err := range []error{lines.Err(), out.Close(), file.Close()} {
		if err != nil {
			log.Fatal(err)
		}
	}
}

func clean(name string) string {
	name = strings.Trim(strings.Join(strings.Fields(name), " "), `"' `)
	name = remarks.ReplaceAllString(name, "")
	for {
		short := strings.TrimRight(ending.ReplaceAllString(name, ""), " ,.&;-")
		if short == name || short == "" {
			break
		}
		name = short
	}
	if len(name) < 2 || len(name) > 48 || nobody.MatchString(name) {
		return ""
	}
	return name
}
