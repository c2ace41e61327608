package software_test

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestImage(t *testing.T) {
	tests := []struct{ reference, digest, name, version, purl string }{
		{"nginx:1.25", "", "nginx", "1.25", "pkg:docker/nginx@1.25"},
		{"docker.io/library/nginx:latest", "sha256:ab", "nginx", "latest", "pkg:docker/nginx@sha256:ab"},
		{"docker.io/grafana/grafana:10.0.0", "", "grafana/grafana", "10.0.0", "pkg:docker/grafana/grafana@10.0.0"},
		{"reg.example:5000/team/app", "", "reg.example:5000/team/app", "", ""},
		{"reg.example:5000/team/app:v1@sha256:cd", "", "reg.example:5000/team/app", "v1", "pkg:docker/team/app@sha256:cd?repository_url=reg.example:5000"},
		{"localhost/built:2", "", "localhost/built", "2", "pkg:docker/built@2?repository_url=localhost"},
		{"quay.io/x/y@sha256:ef", "", "quay.io/x/y", "sha256:ef", "pkg:docker/x/y@sha256:ef?repository_url=quay.io"},
		{"<none>:<none>", "", "", "", ""},
		{"", "", "", "", ""},
	}
	for _, tt := range tests {
		s := software.Image("docker", tt.reference, tt.digest)
		if s.Name != tt.name || s.Version != tt.version || s.PURL != tt.purl {
			t.Errorf("%s: got %+v", tt.reference, s)
		}
	}
}

const (
	dockerImages = `[
		{"Id":"sha256:1","RepoTags":["nginx:1.25","nginx:latest"],"RepoDigests":["nginx@sha256:aa"],"Size":192000000,"Created":1700000000},
		{"Id":"sha256:2","RepoTags":["<none>:<none>"],"RepoDigests":["<none>@<none>"],"Size":5},
		{"Id":"sha256:3","RepoTags":null,"RepoDigests":["quay.io/x/y@sha256:bb"],"Size":"big"},
		{"Id":4,"RepoTags":"odd"}, 17]`
	dockerContainers = `[
		{"Id":"c1","Names":["/web"],"Image":"nginx:1.25","ImageID":"sha256:1","Command":"nginx","Created":1700000000,"State":"running","Status":"Up 3 days","Labels":{"io.kubernetes.pod.name":"p","io.kubernetes.pod.namespace":"n"}},
		{"Id":"c2","Names":null,"Image":"sha256:2","Created":-1,"State":"exited","Labels":null},
		{"Names":["/none"]}, []]`
	dockerConfig = `{"ID":"c1","Created":"2023-11-14T22:13:20.123456789Z","Name":"/web","Image":"sha256:1","State":{"Running":true,"StartedAt":"2024-01-01T00:00:00Z"},
		"Config":{"Image":"nginx:1.25","Env":["PASSWORD=secret"],"Labels":{"io.kubernetes.pod.name":"p","io.kubernetes.pod.namespace":"n"}}}`
	repositories = `{"Repositories":{"nginx":{"nginx:1.25":"sha256:1","nginx:latest":"sha256:1","nginx@sha256:aa":"sha256:1"},"quay.io/x/y":{"quay.io/x/y@sha256:bb":"sha256:3"},"odd":7}}`

	storageImages     = `[{"id":"1","digest":"sha256:aa","names":["docker.io/library/nginx:1.25"]},{"id":"2","digest":"sha256:bb","names":null},{"id":"3","digest":"sha256:cc","names":["quay.io/x/y@sha256:cc"]},5]`
	storageContainers = `[{"id":"c1","names":["web"],"image":"1","created":"2023-11-14T22:13:20.1Z","metadata":"{\"image-name\":\"docker.io/library/nginx:1.25\",\"image-id\":\"1\",\"name\":\"web\"}"},
		{"id":"c2","image":"1","metadata":"{\"image-name\":\"pause\",\"pod-name\":\"k8s_p_n\",\"pod-id\":\"p2\"}"},{"id":"c3","metadata":"{"},{}]`
)

// Docker's answers and Docker's files tell the same, but for the size of images.
func TestDockerParsers(t *testing.T) {
	images := inventory.SoftwareList{
		{Source: "docker", Kind: inventory.KindContainerImage, Name: "nginx", Version: "1.25", PURL: "pkg:docker/nginx@sha256:aa"},
		{Source: "docker", Kind: inventory.KindContainerImage, Name: "nginx", Version: "latest", PURL: "pkg:docker/nginx@sha256:aa"},
		{Source: "docker", Kind: inventory.KindContainerImage, Name: "quay.io/x/y", Version: "sha256:bb", PURL: "pkg:docker/x/y@sha256:bb?repository_url=quay.io"},
	}
	got, err := software.ParseDockerRepositories(strings.NewReader(repositories))
	if diff := cmp.Diff(images, got); diff != "" || err != nil {
		t.Errorf("repositories.json: %v, -want +got:\n%s", err, diff)
	}
	images[0].Bytes, images[1].Bytes = 192000000, 192000000
	got, err = software.ParseDockerImages(strings.NewReader(dockerImages), "docker")
	if diff := cmp.Diff(images, got); diff != "" || err != nil {
		t.Errorf("images: %v, -want +got:\n%s", err, diff)
	}
	container := inventory.Container{
		ID: "c1", Name: "web", Image: "nginx:1.25", ImageID: "sha256:1", Runtime: "docker", State: "running", Created: "2023-11-14", Pod: "n/p",
	}
	containers, err := software.ParseDockerContainers(strings.NewReader(dockerContainers), "docker")
	want := inventory.Containers{container, {ID: "c2", Image: "sha256:2", Runtime: "docker", State: "exited"}}
	if diff := cmp.Diff(want, containers); diff != "" || err != nil {
		t.Errorf("containers: %v, -want +got:\n%s", err, diff)
	}
	one, err := software.ParseDockerContainer([]byte(dockerConfig))
	if diff := cmp.Diff(container, one); diff != "" || err != nil {
		t.Errorf("config.v2.json: %v, -want +got:\n%s", err, diff)
	}
	for state, text := range map[string]string{
		"created": `{"StartedAt":"0001-01-01T00:00:00Z"}`, "exited": `{"StartedAt":"2024-01-01T00:00:00Z"}`,
		"paused": `{"Running":true,"Paused":true}`, "restarting": `{"Running":true,"Restarting":true}`, "dead": `{"Dead":true}`,
	} {
		if c, err := software.ParseDockerContainer([]byte(`{"State":` + text + `}`)); c.State != state || err != nil {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
	}
}

func TestStorageParsers(t *testing.T) {
	images, err := software.ParseStorageImages(strings.NewReader(storageImages))
	want := inventory.SoftwareList{
		{Source: "podman", Kind: inventory.KindContainerImage, Name: "nginx", Version: "1.25", PURL: "pkg:docker/nginx@sha256:aa"},
		{Source: "podman", Kind: inventory.KindContainerImage, Name: "quay.io/x/y", Version: "sha256:cc", PURL: "pkg:docker/x/y@sha256:cc?repository_url=quay.io"},
	}
	if diff := cmp.Diff(want, images); diff != "" || err != nil {
		t.Errorf("images: %v, -want +got:\n%s", err, diff)
	}
	containers, err := software.ParseStorageContainers(strings.NewReader(storageContainers))
	wantContainers := inventory.Containers{
		{ID: "c1", Name: "web", Image: "docker.io/library/nginx:1.25", ImageID: "sha256:1", Runtime: "podman", Created: "2023-11-14"},
		{ID: "c2", Image: "pause", ImageID: "sha256:1", Runtime: "cri-o", Pod: "k8s_p_n"}, {ID: "c3", Runtime: "podman"},
	}
	if diff := cmp.Diff(wantContainers, containers); diff != "" || err != nil {
		t.Errorf("containers: %v, -want +got:\n%s", err, diff)
	}
}

// tree is a bucket to be written: values and further buckets by name.
type tree map[string]any

const boltPage = 4096

// boltWriter lays pages of a bolt database out, every bucket but the smallest in pages of
// its own, below a branch page.
type boltWriter struct{ pages [][]byte }

func page(id, kind, count int, body []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(id))
	b = binary.LittleEndian.AppendUint16(b, uint16(kind))
	b = binary.LittleEndian.AppendUint16(b, uint16(count))
	over := (16 + len(body) - 1) / boltPage
	b = binary.LittleEndian.AppendUint32(b, uint32(over))
	return append(b, body...)
}

// leaf is the body of a leaf page.
func (w *boltWriter) leaf(t tree) (body []byte, count int) {
	var names []string
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	var heads, data []byte
	for i, name := range names {
		flags, value := uint32(0), []byte(nil)
		switch v := t[name].(type) {
		case string:
			value = []byte(v)
		case tree:
			flags, value = 1, w.bucket(v)
		}
		heads = binary.LittleEndian.AppendUint32(heads, flags)
		heads = binary.LittleEndian.AppendUint32(heads, uint32(16*(len(names)-i)+len(data)))
		heads = binary.LittleEndian.AppendUint32(heads, uint32(len(name)))
		heads = binary.LittleEndian.AppendUint32(heads, uint32(len(value)))
		data = append(append(data, name...), value...)
	}
	return append(heads, data...), len(names)
}

// bucket is the value of a bucket.
func (w *boltWriter) bucket(t tree) []byte {
	body, count := w.leaf(t)
	if len(body) < 128 {
		return append(make([]byte, 16), page(0, 2, count, body)...)
	}
	leaf := w.add(2, count, body)
	branch := binary.LittleEndian.AppendUint32(nil, 16)
	branch = binary.LittleEndian.AppendUint32(branch, 1)
	branch = binary.LittleEndian.AppendUint64(branch, uint64(leaf))
	root := w.add(1, 1, append(branch, 'k'))
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(root)), 0)
}

func (w *boltWriter) add(kind, count int, body []byte) int {
	id := 2 + len(w.pages)
	b := page(id, kind, count, body)
	for len(b) > 0 {
		part := make([]byte, boltPage)
		b = b[copy(part, b):]
		w.pages = append(w.pages, part)
	}
	return id
}

func meta(id int, root, tx uint64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0xED0CDAED)
	b = binary.LittleEndian.AppendUint32(b, 2)
	b = binary.LittleEndian.AppendUint32(b, boltPage)
	b = binary.LittleEndian.AppendUint32(b, 0)
	for _, word := range []uint64{root, 0, 0, 0, tx} {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	sum := fnv.New64a()
	_, _ = sum.Write(b)
	b = page(id, 4, 0, binary.LittleEndian.AppendUint64(b, sum.Sum64()))
	return append(b, make([]byte, boltPage-len(b))...)
}

// database writes a database of which the older record of the two is of an empty one.
func database(root tree) []byte {
	var w boltWriter
	empty := w.add(2, 0, nil)
	body, count := w.leaf(root)
	top := w.add(2, count, body)
	b := append(meta(0, uint64(empty), 6), meta(1, uint64(top), 7)...)
	return append(b, slices.Concat(w.pages...)...)
}

func containerdTree() tree {
	target := func(digest string) tree { return tree{"target": tree{"digest": digest, "mediatype": "x"}} }
	created, _ := time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC).MarshalBinary() // a fixed time has no error
	return tree{"v1": tree{
		"version": "x",
		"k8s.io": tree{
			"images": tree{
				"docker.io/library/nginx:1.25": target("sha256:aa"), "docker.io/library/nginx@sha256:aa": target("sha256:aa"), "sha256:1": target("sha256:aa"),
				"quay.io/x/y@sha256:bb": target("sha256:bb"),
			},
			"containers": tree{"c1": tree{
				"image": "docker.io/library/nginx:1.25", "createdat": string(created),
				"labels": tree{"io.kubernetes.pod.name": "p", "io.kubernetes.pod.namespace": "n", "long": strings.Repeat("x", 3*boltPage)},
			}},
		},
		"moby":  tree{"images": tree{"docker.io/library/redis:7": target("sha256:dd")}, "containers": tree{"d1": tree{"image": ""}}},
		"empty": tree{},
	}}
}

func TestReadContainerd(t *testing.T) {
	wantImages := inventory.SoftwareList{
		{Source: "containerd", Kind: inventory.KindContainerImage, Name: "nginx", Version: "1.25", PURL: "pkg:docker/nginx@sha256:aa"},
		{Source: "containerd", Kind: inventory.KindContainerImage, Name: "quay.io/x/y", Version: "sha256:bb", PURL: "pkg:docker/x/y@sha256:bb?repository_url=quay.io"},
	}
	wantContainers := inventory.Containers{{
		ID: "c1", Name: "k8s.io", Image: "docker.io/library/nginx:1.25", Runtime: "containerd", Created: "2024-05-06", Pod: "n/p",
	}}
	whole := database(containerdTree())
	images, containers, err := software.ReadContainerd(whole)
	if diff := cmp.Diff(wantImages, images); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if diff := cmp.Diff(wantContainers, containers); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// A torn first record leaves the second, and the other way round.
	torn := slices.Clone(whole)
	torn[20]++
	if images, _, err := software.ReadContainerd(torn); len(images) != 2 || err != nil {
		t.Errorf("first record torn: %v, %v", images, err)
	}
	torn = slices.Clone(whole)
	torn[boltPage+20]++
	if images, _, err := software.ReadContainerd(torn); len(images) != 0 || err != nil {
		t.Errorf("second record torn: %v, %v", images, err)
	}
	for name, b := range map[string][]byte{"empty": nil, "cut": whole[:4*boltPage], "other": make([]byte, 1<<17)} {
		if images, _, err := software.ReadContainerd(b); err == nil {
			t.Errorf("%s: no error but %v", name, images)
		}
	}
	// A page that leads to itself ends.
	loop := append(append(meta(0, 2, 6), meta(1, 2, 7)...), page(2, 1, 1, append(binary.LittleEndian.AppendUint64(make([]byte, 8), 2), make([]byte, boltPage-32)...))...)
	if _, _, err := software.ReadContainerd(loop); err == nil {
		t.Error("loop: no error")
	}
}
