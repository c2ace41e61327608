package service_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner/service"
)

// daemon is a real server: how it is started in a folder at a port, and what must be told.
type daemon struct {
	port    int    // that it is asked as
	program string // by which it is known to be installed
	prepare string // shell, in the folder
	start   string // shell; {dir}, {port}
	service string
	want    map[string]string // facts: a text that each must contain
}

const selfSigned = `openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj "/O=Example/CN=web.example.org" -addext "subjectAltName=DNS:web.example.org,DNS:www.example.org" -keyout key -out crt 2>/dev/null; `

const nginx = `printf 'daemon off; master_process off; pid {dir}/pid; error_log /dev/null; events {}\nhttp { access_log off; client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c; uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e; server { listen 127.0.0.1:{port} %s; ssl_certificate {dir}/crt; ssl_certificate_key {dir}/key; root {dir}; } }' >conf; exec /usr/sbin/nginx -c {dir}/conf`

const page = `printf '<title>Intranet &amp; more</title>' >index.html; printf hello >favicon.ico; chmod 755 .; chmod 644 index.html favicon.ico; `

var daemons = map[string]daemon{
	"openssh ed25519": {22, "sshd", `ssh-keygen -q -t ed25519 -N '' -f key; mkdir -p /run/sshd`,
		`exec /usr/sbin/sshd -D -e -f /dev/null -h {dir}/key -o PidFile=none -o UsePAM=no -o ListenAddress=127.0.0.1:{port}`,
		"ssh", map[string]string{"ssh.software": "OpenSSH_", "ssh.host_key_type": "ssh-ed25519"}},
	"openssh rsa": {22, "sshd", `ssh-keygen -q -t rsa -b 2048 -N '' -f key; mkdir -p /run/sshd`,
		`exec /usr/sbin/sshd -D -e -f /dev/null -h {dir}/key -o PidFile=none -o UsePAM=no -o ListenAddress=127.0.0.1:{port}`,
		"ssh", map[string]string{"ssh.host_key_type": "ssh-rsa"}},
	"openssh ecdsa": {7777, "sshd", `ssh-keygen -q -t ecdsa -b 384 -N '' -f key; mkdir -p /run/sshd`,
		`exec /usr/sbin/sshd -D -e -f /dev/null -h {dir}/key -o PidFile=none -o UsePAM=no -o KexAlgorithms=ecdh-sha2-nistp256 -o ListenAddress=127.0.0.1:{port}`,
		"ssh", map[string]string{"ssh.software": "OpenSSH_"}},
	"openssh ecdsa key": {22, "sshd", `ssh-keygen -q -t ecdsa -b 384 -N '' -f key; mkdir -p /run/sshd`,
		`exec /usr/sbin/sshd -D -e -f /dev/null -h {dir}/key -o PidFile=none -o UsePAM=no -o KexAlgorithms=ecdh-sha2-nistp256 -o ListenAddress=127.0.0.1:{port}`,
		"ssh", map[string]string{"ssh.host_key_type": "ecdsa-sha2-nistp384"}},
	"nginx": {80, "nginx", selfSigned + page, fmt.Sprintf(nginx, ""), "http",
		map[string]string{"http.status": "200", "http.server": "nginx", "http.title": "Intranet & more", "http.favicon": fmt.Sprint(service.IconHash([]byte("hello")))}},
	"nginx tls": {443, "nginx", selfSigned + page, fmt.Sprintf(nginx, "ssl"), "https",
		map[string]string{"http.server": "nginx", "tls.names": "web.example.org www.example.org", "tls.issuer": "CN=web.example.org,O=Example",
			"tls.self_signed": "yes", "tls.key": "RSA 2048", "tls.version": "TLS 1."}},
	"nginx tls by guess": {7777, "nginx", selfSigned + page, fmt.Sprintf(nginx, "ssl"), "https", map[string]string{"http.server": "nginx"}},
	"nginx by guess":     {7777, "nginx", selfSigned + page, fmt.Sprintf(nginx, ""), "http", map[string]string{"http.server": "nginx"}},
	"samba": {445, "smbd", `mkdir p; printf '[global]\nworkgroup = LAB\nnetbios name = FILES1\nsmb ports = {port}\ninterfaces = lo\nbind interfaces only = yes\nprivate dir={dir}/p\nlock directory={dir}/p\nstate directory={dir}/p\ncache directory={dir}/p\npid directory={dir}/p\nncalrpc dir={dir}/p/n\nlog file={dir}/log\ndisable spoolss = yes\nload printers = no\n' >conf`,
		`exec /usr/sbin/smbd -F --no-process-group -s {dir}/conf`, "smb",
		map[string]string{"smb.dialect": "3.0.2", "ntlm.computer": "FILES1", "ntlm.domain": "FILES1"}},
	"redis": {6379, "redis-server", ``, `exec redis-server --port {port} --bind 127.0.0.1 --save '' --dir {dir}`, "redis",
		map[string]string{"redis.version": ".", "redis.os": "Linux"}},
	"redis with password": {6379, "redis-server", ``, `exec redis-server --port {port} --bind 127.0.0.1 --save '' --dir {dir} --requirepass x`, "redis",
		map[string]string{"redis.refused": "NOAUTH"}},
	"slapd": {389, "slapd", `mkdir db; printf 'include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile {dir}/pid\ndatabase mdb\nsuffix dc=example,dc=org\ndirectory {dir}/db\n' >conf`,
		`exec /usr/sbin/slapd -f {dir}/conf -h ldap://127.0.0.1:{port} -d 0`, "ldap", map[string]string{"ldap.contexts": "dc=example,dc=org", "ldap.class": "OpenLDAProotDSE"}},
	"vsftpd": {21, "vsftpd", `printf 'listen=YES\nlisten_port={port}\nlisten_address=127.0.0.1\nbackground=NO\nsecure_chroot_dir={dir}\n' >conf`,
		`exec /usr/sbin/vsftpd {dir}/conf`, "ftp", map[string]string{"ftp.banner": "(vsFTPd 3."}},
	"dovecot imap": {143, "dovecot", dovecot, dovecotStart, "imap", map[string]string{"imap.banner": "Dovecot"}},
	"mariadb": {3306, "mariadbd", `mariadb-install-db --no-defaults --user=root --datadir={dir}/d --skip-test-db >/dev/null 2>&1`,
		`exec /usr/sbin/mariadbd --no-defaults --user=root --datadir={dir}/d --socket={dir}/s --port={port} --bind-address=127.0.0.1 --pid-file={dir}/pid`,
		"mysql", map[string]string{"mysql.version": "MariaDB"}},
	"postgresql": {5432, "initdb", `chmod 755 . ..; mkdir d; chown nobody d; setpriv --reuid nobody --clear-groups initdb -D {dir}/d -A trust -N >/dev/null`,
		`exec setpriv --reuid nobody --clear-groups postgres -D {dir}/d -p {port} -h 127.0.0.1 -k ''`, "postgresql",
		map[string]string{"postgresql.error": "unsupported frontend protocol 255.255"}},
	"cups": {631, "cupsd", `mkdir -p s; printf 'Listen 127.0.0.1:{port}\nServerAlias *\nWebInterface Yes\n<Location />\nOrder allow,deny\nAllow all\n</Location>\n' >conf; printf 'ServerRoot {dir}/s\nStateDir {dir}/s\nRequestRoot {dir}/s\nCacheDir {dir}/s\nErrorLog {dir}/log\nAccessLog {dir}/alog\nPageLog {dir}/plog\n' >files`,
		`exec /usr/sbin/cupsd -f -c {dir}/conf -s {dir}/files`, "ipp", map[string]string{"http.server": "CUPS/"}},
}

const (
	dovecot      = `mkdir run; printf 'base_dir={dir}/run\nstate_dir={dir}/run\nprotocols=imap\nlog_path={dir}/log\nssl=no\ndefault_login_user=nobody\ndefault_internal_user=nobody\nlisten=127.0.0.1\nservice imap-login {\n inet_listener imap {\n  port={port}\n }\n inet_listener imaps {\n  port=0\n }\n}\npassdb {\n driver=static\n}\n' >conf; chmod 755 {dir}`
	dovecotStart = `exec /usr/sbin/dovecot -F -c {dir}/conf`
)

// Real servers tell who they are. tools/setup.sh installs them; where CI is set none may be missing.
func TestDaemons(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Missing(t, "most servers start as root only")
	}
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right
	t.Setenv("PATH", strings.Join(append([]string{os.Getenv("PATH"), "/usr/sbin"}, folders...), ":"))
	for name, d := range daemons {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(d.program); err != nil {
				testkit.Missing(t, "not installed, tools/setup.sh does that: %v", err)
			}
			at, dir := d.run(t)
			a := (&service.Prober{}).Ask(t.Context(), d.port, at)
			check(t, a)
			if a.Service != d.service {
				t.Errorf("service %q, not %q", a.Service, d.service)
			}
			for fact, part := range d.want {
				if !strings.Contains(a.Facts[fact], part) {
					t.Errorf("%s is %q without %q", fact, a.Facts[fact], part)
				}
			}
			if strings.HasPrefix(name, "openssh") && d.port == 22 {
				if want := keygen(t, filepath.Join(dir, "key.pub")); a.Facts["ssh.host_key"] != want {
					t.Errorf("host key %q (%s), not %q", a.Facts["ssh.host_key"], a.Facts["ssh.host_key_reason"], want)
				}
			}
			if again := (&service.Prober{}).Ask(t.Context(), d.port, at); fmt.Sprint(again) != fmt.Sprint(a) {
				t.Errorf("two looks differ:\n%v\n%v", a, again)
			}
			t.Log(a)
		})
	}
}

func keygen(t *testing.T, file string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-l", "-f", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))[1]
}

// run starts the server and waits until it listens.
func (d daemon) run(t *testing.T) (at netip.AddrPort, dir string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at = netip.MustParseAddrPort(l.Addr().String())
	_ = l.Close()
	dir = t.TempDir()
	fill := strings.NewReplacer("{dir}", dir, "{port}", fmt.Sprint(at.Port()))
	prepare := exec.CommandContext(t.Context(), "sh", "-c", fill.Replace(d.prepare))
	prepare.Dir = dir
	if out, err := prepare.CombinedOutput(); err != nil {
		t.Fatalf("prepare: %v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "sh", "-c", fill.Replace(d.start))
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	for range 200 {
		if c, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.String()); err == nil {
			_ = c.Close()
			return at, dir
		}
		time.Sleep(50 * time.Millisecond)
	}
	cancel()
	_ = cmd.Wait()
	t.Fatalf("does not listen: %s", said.String())
	return at, dir
}
