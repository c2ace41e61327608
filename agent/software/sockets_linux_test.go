package software_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// serve answers for Docker's API on a socket in a tree.
func serve(t *testing.T, socket string, answer http.HandlerFunc) (root string) {
	t.Helper()
	root = t.TempDir()
	name := filepath.Join(root, socket)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: answer, ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends when it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close() // nothing is lost with it
		<-done
	})
	return root
}

func TestDockerSocket(t *testing.T) {
	root := serve(t, "run/docker.sock", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.String() {
		case "/images/json":
			_, _ = io.WriteString(w, dockerImages)
		case "/containers/json?all=1":
			_, _ = io.WriteString(w, dockerContainers)
		default:
			http.NotFound(w, r)
		}
	})
	if list := collect(t, root, "docker-images"); len(list) != 3 || list[0].Bytes != 192000000 {
		t.Errorf("images: %+v", list)
	}
	body, err := look(t, root, "docker")
	if err != nil || body.Len() != 2 {
		t.Errorf("containers: %v, %v", body, err)
	}
}

// Whatever a socket answers, a source ends, within bounds, and says what was wrong.
func TestHostileSocket(t *testing.T) {
	endless := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for _, err := io.WriteString(w, "["); err == nil; _, err = io.WriteString(w, text) {
			}
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		status inventory.Status
		reason string
	}{
		{"silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, inventory.StatusFailed, "deadline exceeded"},
		{"forbidden", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }, inventory.StatusFailed, "403 Forbidden"},
		{"moved", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/", http.StatusFound)
		}, inventory.StatusFailed, "302 Found"},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, inventory.StatusFailed, "invalid character"},
		{"an object", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"message":"x"}`) }, inventory.StatusOK, ""},
		{"a million", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "["+strings.Repeat(`{"Id":"c"},`, 1e6)+"{}]")
		}, inventory.StatusPartial, "more than 20000 items"},
		{"endless text", endless(strings.Repeat(`"`+strings.Repeat("x", 1<<20), 1)), inventory.StatusFailed, ""},
		{"endless space", endless(strings.Repeat(" ", 1<<20)), inventory.StatusFailed, ""}, // by its length or by the time it takes
		{"deep", endless(strings.Repeat("[", 1<<16)), inventory.StatusFailed, "max depth"},
		{"a long header", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			_, _ = io.WriteString(w, "[]")
		}, inventory.StatusFailed, "exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := serve(t, "run/docker.sock", tt.answer)
			body, err := look(t, root, "docker")
			status, reason := source.Status(err)
			if status != tt.status || !strings.Contains(reason, tt.reason) || (body == nil) != (status == inventory.StatusFailed) {
				t.Errorf("got %s %q, want %s %q", status, reason, tt.status, tt.reason)
			}
			if body != nil && body.Len() > 20_000 {
				t.Errorf("%d containers", body.Len())
			}
		})
	}
}

// Files answer for a socket that does not.
func TestDockerFiles(t *testing.T) {
	files := map[string]string{
		"etc/docker/daemon.json":                      `{"data-root":"/srv/docker"}`,
		"srv/docker/image/overlay2/repositories.json": repositories,
		"srv/docker/containers/c1/config.v2.json":     dockerConfig,
		"srv/docker/containers/c2/config.v2.json":     "{",
		"var/lib/docker/containers/c9/config.v2.json": dockerConfig,
	}
	for _, refusing := range []bool{false, true} {
		t.Run(fmt.Sprintf("refusing %v", refusing), func(t *testing.T) {
			root := plant(t, files)
			if refusing {
				root = serve(t, "run/docker.sock", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
				for name, text := range files {
					write(t, filepath.Join(root, name), text)
				}
			}
			if list := collect(t, root, "docker-images"); len(list) != 3 {
				t.Errorf("images: %+v", list)
			}
			body, err := look(t, root, "docker")
			status, reason := source.Status(err)
			if status != inventory.StatusPartial || !strings.Contains(reason, "/srv/docker/containers/c2/config.v2.json") || body.Len() != 1 {
				t.Errorf("containers: %v, %s %q", body, status, reason)
			}
		})
	}
}

func TestPodmanAndOthers(t *testing.T) {
	root := plant(t, map[string]string{
		"etc/passwd": "ann:x:1000:1000::/home/ann:/bin/sh\n",
		"var/lib/containers/storage/overlay-images/images.json":               storageImages,
		"var/lib/containers/storage/overlay-containers/containers.json":       storageContainers,
		"home/ann/.local/share/containers/storage/overlay-images/images.json": storageImages,
		"var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db":           string(database(containerdTree())),
		"run/containerd/io.containerd.runtime.v2.task/k8s.io/c1/init.pid":     "4711",
		"proc/4711/":                    "",
		"var/lib/lxc/web/config":        "",
		"var/lib/lxc/odd/":              "",
		"var/lib/incus/containers/db/":  "",
		"sys/fs/cgroup/lxc.payload.db/": "",
	})
	if list := collect(t, root, "podman-images"); len(list) != 2 || list[0].User != "" {
		t.Errorf("images: %+v", list)
	}
	if list := collect(t, root, "podman-images-users"); len(list) != 2 || list[0].User != "ann" {
		t.Errorf("images of a user: %+v", list)
	}
	if list := collect(t, root, "containerd-images"); len(list) != 2 {
		t.Errorf("images of containerd: %+v", list)
	}
	want := map[string]inventory.Containers{
		"containerd": {{ID: "c1", Image: "docker.io/library/nginx:1.25", Runtime: "containerd", State: "running", Created: "2024-05-06", Pod: "n/p"}},
		"lxc":        {{ID: "web", Name: "web", Runtime: "lxc", State: "stopped"}, {ID: "db", Name: "db", Runtime: "incus", State: "running"}},
	}
	for name, containers := range want {
		body, err := look(t, root, name)
		if diff := cmp.Diff(inventory.Body(containers), body); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "var/lib/docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	if list := collect(t, root, "docker-images"); len(list) != 1 || list[0].Name != "redis" || list[0].Source != "docker" {
		t.Errorf("images that Docker has in containerd: %+v", list)
	}
	if body, err := look(t, root, "podman"); err != nil || body.Len() != 3 {
		t.Errorf("podman: %v, %v", body, err)
	}
	write(t, filepath.Join(root, "var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db"), "no database")
	_, err := look(t, root, "containerd")
	if status, reason := source.Status(err); status != inventory.StatusFailed || !strings.Contains(reason, "meta.db: damaged") {
		t.Errorf("no database: %s %q", status, reason)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if body, err := lookIn(ctx, t, root, "podman"); err == nil || body != nil {
		t.Errorf("after its end: %v, %v", body, err)
	}
}
