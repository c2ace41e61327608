package hardware

import (
	"bytes"
	"strings"
)

// container is what confines the agent; the zero value is none.
type container struct {
	kind string // docker, podman, kubernetes, lxc, systemd-nspawn, openvz ...
	id   string // 64 hexadecimal digits, where the engine has such
}

// containerSigns are the places where engines leave traces.
type containerSigns struct {
	systemd      string // /run/systemd/container: written by systemd as pid 1 of a container
	environ      []byte // /proc/1/environ: container=NAME (https://systemd.io/CONTAINER_INTERFACE)
	cgroup       string // /proc/1/cgroup
	mounts       []mount
	dockerEnv    bool   // /.dockerenv exists
	containerEnv string // /run/.containerenv, written by podman
	openvz       bool   // /proc/vz without /proc/bc
}

// detect weighs the signs. /.dockerenv alone says nothing: disk images that are built
// from container images keep it, so it needs the mounts that Docker makes as a witness.
func (s containerSigns) detect() container {
	id := s.idByMounts()
	cgroup := s.byCgroup()
	if cgroup.id != "" { // with mounts of a pod, the id there is the pod's, not the container's
		id = cgroup.id
	}
	switch {
	case s.containerEnv != "":
		return container{"podman", first(quotedValue(s.containerEnv, "id"), id)}
	case cgroup.kind != "":
		return container{cgroup.kind, id}
	case s.inPod():
		return container{"kubernetes", id}
	case s.systemd != "":
		return container{s.systemd, id}
	case s.environName() != "":
		return container{s.environName(), id}
	case s.dockerEnv && id != "":
		return container{"docker", id}
	case s.openvz:
		return container{"openvz", ""}
	}
	return container{}
}

// byCgroup finds the engine in the path of pid 1's control group. With a cgroup
// namespace of its own a container sees only "/".
func (s containerSigns) byCgroup() container {
	for line := range strings.Lines(s.cgroup) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		path := parts[2]
		for _, engine := range []struct{ word, kind string }{
			{"kubepods", "kubernetes"}, {"libpod", "podman"}, {"docker", "docker"}, {"/ecs/", "docker"},
			{"cri-containerd", "containerd"}, {"crio-", "cri-o"}, {"lxc.payload", "lxc"}, {"/lxc/", "lxc"},
		} {
			if strings.Contains(path, engine.word) {
				return container{engine.kind, longID(path)}
			}
		}
	}
	return container{}
}

// idByMounts finds the id in the path of a file that engines mount over the image's own.
func (s containerSigns) idByMounts() string {
	for _, m := range s.mounts {
		switch m.point {
		case "/etc/hostname", "/etc/resolv.conf", "/etc/hosts":
			if id := longID(m.root); id != "" {
				return id
			}
		}
	}
	return ""
}

func (s containerSigns) inPod() bool {
	for _, m := range s.mounts {
		if m.point == "/etc/hosts" && strings.Contains(m.root, "/pods/") {
			return true
		}
	}
	return false
}

func (s containerSigns) environName() string {
	for _, v := range bytes.Split(s.environ, []byte{0}) {
		if name, ok := bytes.CutPrefix(v, []byte("container=")); ok {
			return string(name)
		}
	}
	return ""
}

// longID is the last part of a path that is, or contains between hyphen and dot, 64
// hexadecimal digits.
func longID(path string) string {
	id := ""
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '-' || r == '.' || r == ':' }) {
		if len(part) == 64 && strings.Trim(part, "0123456789abcdef") == "" {
			id = part
		}
	}
	return id
}

// quotedValue finds key="value" on a line of its own.
func quotedValue(text, key string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
