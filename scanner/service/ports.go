package service

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Ports are what is asked of each device.
type Ports struct{ TCP, UDP []int }

// Default are the ports that say most for least.
func Default() Ports {
	return Ports{
		TCP: []int{22, 80, 443, 445, 631, 9100, 389, 3389, 21, 23, 25, 110, 143, 465, 554, 587, 636, 993, 995, 1433, 3306, 5432, 5900, 6379, 7000, 8008, 8080, 8443, 27017},
		UDP: []int{123, 623, 1434, 5060},
	}
}

// None tells whether nothing is asked.
func (p Ports) None() bool { return len(p.TCP)+len(p.UDP) == 0 }

// Covers tells whether p has all of q.
func (p Ports) Covers(q Ports) bool {
	has := func(list, of []int) bool {
		return !slices.ContainsFunc(of, func(n int) bool { return !slices.Contains(list, n) })
	}
	return has(p.TCP, q.TCP) && has(p.UDP, q.UDP)
}

func (p Ports) String() string {
	if p.None() {
		return "none"
	}
	var out []string
	for _, f := range []struct {
		name string
		list []int
	}{{"TCP", p.TCP}, {"UDP", p.UDP}} {
		if len(f.list) > 0 {
			out = append(out, f.name+" "+strings.Trim(strings.ReplaceAll(fmt.Sprint(f.list), " ", ", "), "[]"))
		}
	}
	return strings.Join(out, "; ")
}

// Packets is the most that one device is sent when every port answers.
func (p Ports) Packets() int {
	if p.None() {
		return 0
	}
	n := maxUnused
	for _, port := range p.TCP {
		n += tcpProtocol(port).most
	}
	for _, port := range p.UDP {
		n += udpProtocols[port].most
	}
	return n
}

// industrial are protocols of plants. They are asked only when named, never by number alone:
// what listens there may stop when it is asked something unexpected.
var industrial = map[string]Ports{
	"modbus": {TCP: []int{502}},
	"bacnet": {UDP: []int{bacnetPort}},
}

// untouchable are ports of plants and printers that take whatever is sent to them as work.
var untouchable = map[int]string{
	102: "S7", 502: "Modbus", 789: "Red Lion", 1911: "Fox", 2404: "IEC 60870-5-104", 4840: "OPC UA", 9600: "FINS",
	18245: "GE SRTP", 20000: "DNP3", 20547: "ProConOS", 44818: "EtherNet/IP", 515: "LPD",
}

// maxPorts is how many ports may be asked of each device; more is another tool's work.
const maxPorts = 256

// ParsePorts reads ports: numbers and ranges of TCP ports, udp/NUMBER, "default", and the
// names of industrial protocols.
func ParsePorts(words []string) (Ports, error) {
	var p Ports
	for _, w := range words {
		w = strings.ToLower(strings.TrimSpace(w))
		q, ok := industrial[w]
		if w == "default" {
			q, ok = Default(), true
		}
		if !ok {
			var err error
			if q, err = parsePorts(w); err != nil {
				return Ports{}, inventory.Errorf(inventory.CodeInvalid, "port %q: %w", w, err)
			}
		}
		for _, n := range q.TCP {
			if !slices.Contains(p.TCP, n) {
				p.TCP = append(p.TCP, n)
			}
		}
		for _, n := range q.UDP {
			if !slices.Contains(p.UDP, n) {
				p.UDP = append(p.UDP, n)
			}
		}
		if n := len(p.TCP) + len(p.UDP); n > maxPorts {
			return Ports{}, inventory.Errorf(inventory.CodeTooLarge, "more than %d ports to ask of each device", maxPorts)
		}
	}
	return p, nil
}

func parsePorts(w string) (Ports, error) {
	if text, ok := strings.CutPrefix(w, "udp/"); ok {
		n, err := portNumber(text)
		if err == nil && (udpProtocols[n].ask == nil || n == bacnetPort) {
			err = fmt.Errorf("no question is known for this UDP port")
		}
		return Ports{UDP: []int{n}}, err
	}
	from, to, ranged := strings.Cut(strings.TrimPrefix(w, "tcp/"), "-")
	if !ranged {
		to = from
	}
	first, err := portNumber(from)
	if err != nil {
		return Ports{}, err
	}
	last, err := portNumber(to)
	switch {
	case err != nil:
		return Ports{}, err
	case last < first:
		return Ports{}, fmt.Errorf("ends before it begins")
	case last-first >= maxPorts:
		return Ports{}, fmt.Errorf("has more than %d ports", maxPorts)
	}
	var p Ports
	for n := first; n <= last; n++ {
		if what := untouchable[n]; what != "" {
			return Ports{}, fmt.Errorf("%d (%s) is not asked by number: what listens there may take a question for an order", n, what)
		}
		p.TCP = append(p.TCP, n)
	}
	return p, nil
}

func portNumber(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("must be a number from 1 to 65535, a range, udp/NUMBER, default, modbus or bacnet")
	}
	return int(n), nil
}

// protocol is how a port is asked.
type protocol struct {
	ask func(context.Context, *line) Answer
	// most packets of this side: connections and messages. The exchange ends at the next.
	most int
}

// Packets of the exchanges that several ports share. A request over TLS is up to five: the
// connection, three of the handshake, and the request.
const (
	mostHTTP  = (1 + maxRedirects + 1) * 2     // the icon is one more page
	mostHTTPS = (1 + maxRedirects + 1 + 1) * 5 // and so is Redfish
	mostIPP   = (1 + maxRedirects + 2) * 2
)

// tcpProtocols by port; ports that are not here are asked by guess.
var tcpProtocols = map[int]protocol{
	21:    {upgrading(parseFTP, reply, ftpUpgrade), mostTLS(1)},
	22:    {single(askSSH), 3},
	23:    {single(askTelnet), 2},
	25:    {upgrading(parseSMTP, reply, smtpUpgrade), mostTLS(2)},
	80:    {askHTTP, mostHTTP},
	110:   {upgrading(parsePOP3, oneLine, pop3Upgrade), mostTLS(1)},
	143:   {upgrading(parseIMAP, oneLine, imapUpgrade), mostTLS(1)},
	389:   {startLDAP, mostTLS(2)},
	443:   {askHTTPS, mostHTTPS},
	445:   {single(askSMB), 3},
	465:   {overTLS(greeting(parseSMTP)), mostTLS(0)},
	502:   {single(askModbus), 2},
	554:   {rtsp, 3 + mostONVIF},
	587:   {upgrading(parseSMTP, reply, smtpUpgrade), mostTLS(2)},
	631:   {askIPP, mostIPP},
	636:   {overTLS(askLDAP), mostTLS(1)},
	990:   {overTLS(greeting(parseFTP)), mostTLS(0)},
	993:   {overTLS(greeting(parseIMAP)), mostTLS(0)},
	995:   {overTLS(greeting(parsePOP3)), mostTLS(0)},
	1433:  {single(askMSSQL), 2},
	3306:  {single(askMySQL), 1},
	3389:  {askRDP, 6},
	5432:  {askPostgreSQL, 7},
	5900:  {single(greeting(parseVNC)), 1},
	6379:  {single(askRedis), 2},
	7000:  {askAirPlay, 2 + mostHTTP},
	8008:  {askCast, 2 + mostHTTP},
	8080:  {askHTTP, mostHTTP},
	8443:  {askHTTPS, mostHTTPS},
	9100:  {askPJL, 2},
	9101:  {askPJL, 2}, // further ports of a print server
	9102:  {askPJL, 2},
	9103:  {askPJL, 2},
	27017: {single(askMongoDB), 2},
}

// unknown asks a port whose number says nothing; see guess.
var unknown = protocol{guess, 1 + mostHTTPS + mostHTTP}

func tcpProtocol(port int) protocol {
	if p, ok := tcpProtocols[port]; ok {
		return p
	}
	return unknown
}

// datagrams is how a UDP port is asked.
type datagrams struct {
	ask  func(*conn) Answer
	most int
}

// udpProtocols by port.
var udpProtocols = map[int]datagrams{
	123: {askNTP, 1}, 623: {askIPMI, 1}, 1434: {askSQLBrowser, 1}, 5060: {askSIP, 1}, bacnetPort: {askBACnet, len(bacnetProperties)},
}

// single is an exchange that needs one connection.
func single(ask func(*conn) Answer) func(context.Context, *line) Answer {
	return func(ctx context.Context, l *line) Answer {
		c, err := l.dial(ctx)
		if err != nil {
			return Answer{}
		}
		defer c.close()
		return ask(c)
	}
}
