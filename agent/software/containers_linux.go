package software

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const (
	socketPatience = 5 * time.Second
	maxAnswer      = 16 << 20
)

// containerSources lists the sources of container images and containers. Docker and Podman
// are asked over their sockets where the agent may; what they keep on disk tells nearly
// the same to one who may only read.
func containerSources(root string) []source.Source {
	docker := func(r io.Reader) (inventory.Body, error) { return ParseDockerImages(r, "docker") }
	dockerContainers := func(r io.Reader) (inventory.Body, error) { return ParseDockerContainers(r, "docker") }
	podman := func(r io.Reader) (inventory.Body, error) { return ParseDockerImages(r, "podman") }
	podmanContainers := func(r io.Reader) (inventory.Body, error) { return ParseDockerContainers(r, "podman") }
	const dockerSocket, podmanSocket = "run/docker.sock", "run/podman/podman.sock"
	const images, containers = "/images/json", "/containers/json?all=1"
	list := []source.Source{
		{Section: inventory.SectionSoftware, Name: "docker-images", Read: engine(root, dockerSocket, images, docker, dockerImageFiles)},
		{Section: inventory.SectionContainers, Name: "docker", Read: engine(root, dockerSocket, containers, dockerContainers, dockerContainerFiles)},
		{Section: inventory.SectionSoftware, Name: "podman-images", Read: engine(root, podmanSocket, images, podman, storageImageFiles)},
		{Section: inventory.SectionContainers, Name: "podman", Read: engine(root, podmanSocket, containers, podmanContainers, storageContainerFiles)},
		{Section: inventory.SectionSoftware, Name: "podman-images-users", Category: source.CategoryUserSoftware, Read: inFinder(root, userImages)},
		{Section: inventory.SectionSoftware, Name: "containerd-images", Read: inFinder(root, containerdImages)},
		{Section: inventory.SectionContainers, Name: "containerd", Read: inFinder(root, containerdContainers)},
		{Section: inventory.SectionContainers, Name: "lxc", Read: inFinder(root, lxcContainers)},
		{Section: inventory.SectionContainers, Name: "libvirt", Read: inFinder(root, libvirtMachines)},
		{Section: inventory.SectionContainers, Name: "proxmox", Read: inFinder(root, proxmoxMachines)},
		{Section: inventory.SectionContainers, Name: "openvz", Read: inFinder(root, openVZContainers)},
		{Section: inventory.SectionContainers, Name: "xen", Read: inFinder(root, xenMachines)},
		{Section: inventory.SectionContainers, Name: "machines-users", Category: source.CategoryUserSoftware, Read: inFinder(root, userMachines)},
	}
	for i := range list {
		list[i].Timeout = 30 * time.Second
	}
	return list
}

// inFinder makes a source of a look at a tree. A list with trouble in the finder is partial.
func inFinder(root string, look func(*finder) (inventory.Body, error)) read {
	return func(ctx context.Context) (inventory.Body, error) {
		tree, err := source.OpenTree(root)
		if err != nil {
			return nil, err
		}
		defer func() { _ = tree.Close() }() // only read
		f := newFinder(ctx, tree)
		body, err := look(f)
		if err == nil {
			err = f.stop()
		}
		if err == nil {
			err = f.trouble("containers")
		}
		return told(body, err)
	}
}

// told leaves no body beside an error that is not partial.
func told(body inventory.Body, err error) (inventory.Body, error) {
	if status, _ := source.Status(err); status != inventory.StatusOK && status != inventory.StatusPartial {
		return nil, err
	}
	return body, err
}

// engine makes a source that takes the answer of an engine's socket, or else what its
// files tell.
func engine(root, socket, question string, parse func(io.Reader) (inventory.Body, error), files func(*finder) (inventory.Body, error)) read {
	look := inFinder(root, files)
	return func(ctx context.Context) (inventory.Body, error) {
		body, err := askSocket(ctx, filepath.Join(root, socket), question, parse)
		none := errors.Is(err, fs.ErrNotExist)
		switch {
		case err == nil:
			return body, nil
		case none:
			err = nil
		case body != nil && body.Len() > 0:
			return body, source.Partial("ask for %s at /%s: %v", question, socket, err)
		}
		fromFiles, fileError := look(ctx)
		if fromFiles == nil && err != nil { // it is there and tells nothing
			return nil, fmt.Errorf("ask for %s at /%s: %w", question, socket, err)
		}
		return fromFiles, fileError
	}
}

// askSocket asks one question over HTTP on a Unix socket. The answer may be endless or
// never come.
func askSocket(ctx context.Context, socket, question string, parse func(io.Reader) (inventory.Body, error)) (inventory.Body, error) {
	ctx, cancel := context.WithTimeout(ctx, socketPatience)
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+question, nil)
	if err != nil {
		return nil, err
	}
	response, err := transport.RoundTrip(request) // follows no redirection
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", source.Text(response.Status))
	}
	limited := &io.LimitedReader{R: response.Body, N: maxAnswer}
	body, err := parse(limited)
	if limited.N == 0 {
		err = fmt.Errorf("its answer has more than %d MiB", maxAnswer>>20)
	}
	return body, err
}

// dockerRoot is where Docker keeps its data (daemon.json, "data-root").
func dockerRoot(f *finder) string {
	var config struct {
		DataRoot string `json:"data-root"`
	}
	_ = decode(f.read("etc/docker/daemon.json", 1<<20), &config) // without one it is the usual
	return cmp.Or(strings.Trim(config.DataRoot, "/"), "var/lib/docker")
}

func dockerImageFiles(f *finder) (inventory.Body, error) {
	root := dockerRoot(f)
	if !f.tree.Exists(root) {
		return nil, source.Unsupported("no Docker: /%s does not exist", root)
	}
	list := inventory.SoftwareList{}
	names := f.glob(root + "/image/*/repositories.json")
	if len(names) == 0 && f.tree.Exists(containerdDatabase) { // newer Dockers leave images to containerd
		records, err := containerdFile(f, func(namespace string) bool { return namespace == moby })
		for i := range records.images {
			records.images[i].Source = "docker"
		}
		return records.images, err
	}
	for _, name := range names {
		b := f.read(name, 16<<20)
		if b == nil {
			continue
		}
		more, err := ParseDockerRepositories(bytes.NewReader(b))
		if list = append(list, more...); err != nil {
			f.note(name, err)
		}
	}
	return list, nil
}

func dockerContainerFiles(f *finder) (inventory.Body, error) {
	root := dockerRoot(f)
	if !f.tree.Exists(root) {
		return nil, source.Unsupported("no Docker: /%s does not exist", root)
	}
	list := inventory.Containers{}
	f.within(root+"/containers", func(f *finder) {
		for _, e := range f.list(".") {
			name := e.Name() + "/config.v2.json"
			b := f.read(name, 4<<20)
			if b == nil {
				continue
			}
			c, err := ParseDockerContainer(b)
			if err != nil {
				f.note(name, err)
			} else if c.ID != "" {
				list = append(list, c)
			}
		}
	})
	return list, nil
}

const storage = "var/lib/containers/storage"

func storageImageFiles(f *finder) (inventory.Body, error) {
	if !f.tree.Exists(storage) {
		return nil, source.Unsupported("no Podman: /%s does not exist", storage)
	}
	return imagesInStorage(f, storage), nil
}

func imagesInStorage(f *finder, dir string) inventory.SoftwareList {
	list := inventory.SoftwareList{}
	for _, name := range f.glob(dir + "/*-images/images.json") { // overlay-images, vfs-images
		b := f.read(name, 16<<20)
		if b == nil {
			continue
		}
		more, err := ParseStorageImages(bytes.NewReader(b))
		if list = append(list, more...); err != nil {
			f.note(name, err)
		}
	}
	return list
}

func storageContainerFiles(f *finder) (inventory.Body, error) {
	if !f.tree.Exists(storage) {
		return nil, source.Unsupported("no Podman: /%s does not exist", storage)
	}
	list := inventory.Containers{}
	for _, name := range f.glob(storage + "/*-containers/containers.json") {
		b := f.read(name, 16<<20)
		if b == nil {
			continue
		}
		more, err := ParseStorageContainers(bytes.NewReader(b))
		if list = append(list, more...); err != nil {
			f.note(name, err)
		}
	}
	return list, nil
}

// userImages are those of Podman without root, in homes.
func userImages(f *finder) (inventory.Body, error) {
	var list inventory.SoftwareList
	for _, h := range linuxHomes(f) {
		f.within(h.dir, func(f *finder) {
			for _, s := range imagesInStorage(f, ".local/share/containers/storage") {
				s.User = h.user
				list = append(list, s)
			}
		})
	}
	if list == nil && len(f.reasons) == 0 && f.denied.n == 0 {
		return nil, source.Unsupported("no images of Podman in homes")
	}
	return append(inventory.SoftwareList{}, list...), nil
}

const containerdDatabase = "var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db"

func containerdFile(f *finder, wanted func(namespace string) bool) (containerdRecords, error) {
	file := f.open(containerdDatabase)
	if file == nil {
		if err := f.trouble("containerd"); err != nil {
			return containerdRecords{}, errors.New(err.Error())
		}
		return containerdRecords{}, source.Unsupported("no containerd: /%s does not exist", containerdDatabase)
	}
	defer func() { _ = file.Close() }() // only read
	records, err := readContainerd(file, wanted)
	if err != nil {
		return containerdRecords{}, fmt.Errorf("read /%s: %w", containerdDatabase, err)
	}
	return records, nil
}

func containerdImages(f *finder) (inventory.Body, error) {
	records, err := containerdFile(f, notMoby)
	return distinct(records.images), err
}

// containerdContainers adds to the records whether a container runs: then it has a task,
// whose folder holds the number of its process.
func containerdContainers(f *finder) (inventory.Body, error) {
	records, err := containerdFile(f, notMoby)
	for i := range records.containers {
		c := &records.containers[i]
		task := "run/containerd/io.containerd.runtime.v2.task/" + c.Name + "/" + c.ID + "/init.pid"
		c.Name, c.State = "", "exited"
		if pid := f.tree.Text(task); pid != "" && f.tree.Exists("proc/"+pid) {
			c.State = "running"
		}
	}
	return records.containers, err
}

// lxcContainers lists the containers and virtual machines of LXC, Incus and LXD by their
// folders. A container runs when it has a control group.
func lxcContainers(f *finder) (inventory.Body, error) {
	var list inventory.Containers
	for _, place := range []struct{ runtime, dir string }{
		{"lxc", "var/lib/lxc"}, {"incus", "var/lib/incus/containers"}, {"incus", "var/lib/incus/" + machinesDir},
		{"lxd", "var/lib/lxd/containers"}, {"lxd", "var/lib/lxd/" + machinesDir},
		{"lxd", "var/snap/lxd/common/lxd/containers"}, {"lxd", "var/snap/lxd/common/lxd/" + machinesDir},
	} {
		for _, e := range f.list(place.dir) {
			name := source.Text(e.Name())
			if e.Type().IsRegular() || place.runtime == "lxc" && !f.tree.Exists(place.dir+"/"+e.Name()+"/config") {
				continue
			}
			c := inventory.Container{ID: name, Name: name, Runtime: place.runtime, State: "stopped"}
			switch {
			case path.Base(place.dir) == machinesDir:
				c.Kind, c.State = inventory.ContainerVM, ""
			case f.tree.Exists(proxmoxContainers + "/" + e.Name() + ".conf"): // its own source knows it better
				continue
			case f.tree.Exists("sys/fs/cgroup/lxc.payload." + e.Name()):
				c.State = "running"
			}
			list = append(list, c)
		}
	}
	if list == nil && f.denied.n == 0 {
		return nil, source.Unsupported("no containers of LXC, Incus or LXD")
	}
	return append(inventory.Containers{}, list...), nil
}
