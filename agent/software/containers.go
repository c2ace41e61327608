package software

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// image makes software of a reference to a container image, registry/name:tag or
// registry/name@digest, as its runtime shows it. Docker's own registry is not named, as
// "docker images" does not, so that an image has one name with all runtimes.
//
// The package URL has the digest of the image where it is known, which is what tells one
// "latest" from another.
func image(runtime, reference, digest string) inventory.Software {
	reference = source.Text(reference)
	for _, usual := range []string{"docker.io/library/", "docker.io/", "index.docker.io/library/"} {
		if short, ok := strings.CutPrefix(reference, usual); ok {
			reference = short
			break
		}
	}
	name, at, _ := strings.Cut(reference, "@")
	s := inventory.Software{Source: runtime, Kind: inventory.KindContainerImage, Name: name, Version: at}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		s.Name, s.Version = name[:i], name[i+1:]
	}
	digest = cmp.Or(digest, at)
	if s.Name == "<none>" || s.Name == "none" || s.Version == "<none>" {
		return inventory.Software{} // what builds leave behind
	}
	version := s.Version
	if strings.HasPrefix(digest, "sha256:") {
		version = digest
	}
	registry, rest, found := strings.Cut(s.Name, "/")
	if !found || !strings.ContainsAny(registry, ".:") && registry != "localhost" {
		registry, rest = "", s.Name
	}
	namespace, base := path.Split(rest)
	s.PURL = source.Text(packageURL("docker", namespace, base, version, "repository_url", registry))
	return s
}

// ParseDockerImages reads the answer of Docker's API to GET /images/json
// (https://docs.docker.com/reference/api/engine/). Both lists have what came before an error.
func ParseDockerImages(r io.Reader, runtime string) (inventory.SoftwareList, error) {
	list := inventory.SoftwareList{}
	err := jsonItems(r, func(_ string, value json.RawMessage) error {
		var i struct {
			RepoTags, RepoDigests []string
			Size                  float64
		}
		if err := decode(value, &i); err != nil {
			return err
		}
		references, digest := i.RepoTags, ""
		for _, d := range i.RepoDigests {
			_, sum, _ := strings.Cut(d, "@")
			digest = max(digest, sum)
		}
		if len(references) == 0 || strings.HasPrefix(references[0], "<none>") {
			references = i.RepoDigests
		}
		for _, reference := range references[:min(len(references), 100)] {
			if s := image(runtime, reference, digest); s.Name != "" {
				if i.Size > 0 && i.Size < 1<<50 {
					s.Bytes = int64(i.Size)
				}
				list = append(list, s)
			}
		}
		return nil
	})
	if err != nil {
		return list, fmt.Errorf("parse list of images: %w", err)
	}
	return list, nil
}

// ParseDockerContainers reads the answer to GET /containers/json?all=1.
func ParseDockerContainers(r io.Reader, runtime string) (inventory.Containers, error) {
	list := inventory.Containers{}
	err := jsonItems(r, func(_ string, value json.RawMessage) error {
		var c struct {
			ID, Image, ImageID, State string
			Names                     []string
			Created                   float64 // seconds since 1970
			Labels                    map[string]string
		}
		if err := decode(value, &c); err != nil || c.ID == "" {
			return err
		}
		item := inventory.Container{
			ID: source.Text(c.ID), Image: source.Text(c.Image), ImageID: source.Text(c.ImageID),
			Runtime: runtime, State: source.Text(c.State), Created: day(int64(c.Created)), Pod: pod(func(key string) string { return c.Labels[key] }),
		}
		if len(c.Names) > 0 {
			item.Name = source.Text(strings.TrimPrefix(c.Names[0], "/"))
		}
		list = append(list, item)
		return nil
	})
	if err != nil {
		return list, fmt.Errorf("parse list of containers: %w", err)
	}
	return list, nil
}

// pod is namespace and name of the Kubernetes pod that the labels of a container name.
func pod(label func(string) string) string {
	if name := label("io.kubernetes.pod.name"); name != "" {
		return source.Text(label("io.kubernetes.pod.namespace") + "/" + name)
	}
	return ""
}

// dayOf is the date in a time as JSON has it (RFC 3339), "" when there is none.
func dayOf(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 2000 {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// ParseDockerRepositories reads Docker's repositories.json: by repository, the references
// to each image with the image's id.
func ParseDockerRepositories(r io.Reader) (inventory.SoftwareList, error) {
	list := inventory.SoftwareList{}
	err := jsonItems(r, func(_ string, value json.RawMessage) error {
		var references map[string]string
		if err := decode(value, &references); err != nil {
			return err
		}
		digests := map[string]string{}
		for reference, id := range references {
			if _, digest, ok := strings.Cut(reference, "@"); ok {
				digests[id] = max(digests[id], digest)
			}
		}
		list = append(list, tagged("docker", references, func(id string) string { return digests[id] })...)
		return nil
	}, "Repositories")
	if err != nil {
		return list, fmt.Errorf("parse repositories.json: %w", err)
	}
	return list, nil
}

// tagged makes one item of each reference by tag, with the image's digest, and of a
// reference by digest only where the image has no tag. The references are to images by id.
func tagged(runtime string, references map[string]string, digest func(id string) string) inventory.SoftwareList {
	hasTag := map[string]bool{}
	for reference, id := range references {
		hasTag[id] = hasTag[id] || !strings.Contains(reference, "@")
	}
	var list inventory.SoftwareList
	for _, reference := range sortedKeys(references) {
		id := references[reference]
		if strings.Contains(reference, "@") && hasTag[id] {
			continue
		}
		if s := image(runtime, reference, digest(id)); s.Name != "" {
			list = append(list, s)
		}
	}
	return list
}

// ParseDockerContainer reads the config.v2.json of one container, of which the environment
// and the arguments are not looked at.
func ParseDockerContainer(b []byte) (inventory.Container, error) {
	var c struct {
		ID, Name, Image, Created string
		Config                   struct {
			Image  string
			Labels map[string]string
		}
		State struct {
			Running, Paused, Restarting, Dead bool
			StartedAt                         string
		}
	}
	if err := decode(b, &c); err != nil {
		return inventory.Container{}, fmt.Errorf("parse config.v2.json: %w", err)
	}
	state := "exited"
	switch {
	case c.State.Restarting:
		state = "restarting"
	case c.State.Paused:
		state = "paused"
	case c.State.Running:
		state = "running"
	case c.State.Dead:
		state = "dead"
	case dayOf(c.State.StartedAt) == "":
		state = "created"
	}
	return inventory.Container{
		ID: source.Text(c.ID), Name: source.Text(strings.TrimPrefix(c.Name, "/")), Image: source.Text(c.Config.Image),
		ImageID: source.Text(c.Image), Runtime: "docker", State: state, Created: dayOf(c.Created),
		Pod: pod(func(key string) string { return c.Config.Labels[key] }),
	}, nil
}

// ParseStorageImages reads images.json of containers/storage, the store of Podman and
// CRI-O (https://github.com/containers/storage/blob/main/images.go).
func ParseStorageImages(r io.Reader) (inventory.SoftwareList, error) {
	list := inventory.SoftwareList{}
	err := jsonItems(r, func(_ string, value json.RawMessage) error {
		var i struct {
			Digest string
			Names  []string
		}
		if err := decode(value, &i); err != nil {
			return err
		}
		references := map[string]string{}
		for _, name := range i.Names[:min(len(i.Names), 100)] {
			references[name] = i.Digest
		}
		list = append(list, tagged("podman", references, func(digest string) string { return digest })...)
		return nil
	})
	if err != nil {
		return list, fmt.Errorf("parse images.json: %w", err)
	}
	return list, nil
}

// ParseStorageContainers reads containers.json of the same store. What Podman and CRI-O
// know of a container is JSON within it; whether it runs is elsewhere.
func ParseStorageContainers(r io.Reader) (inventory.Containers, error) {
	list := inventory.Containers{}
	err := jsonItems(r, func(_ string, value json.RawMessage) error {
		var c struct {
			ID, Image, Created, Metadata string
			Names                        []string
		}
		if err := decode(value, &c); err != nil || c.ID == "" {
			return err
		}
		var meta struct {
			ImageName string `json:"image-name"`
			PodID     string `json:"pod-id"` // CRI-O's
			PodName   string `json:"pod-name"`
		}
		_ = decode([]byte(c.Metadata), &meta) // of another program: nothing more is known
		item := inventory.Container{
			ID: source.Text(c.ID), Image: source.Text(meta.ImageName), Runtime: "podman", Created: dayOf(c.Created),
		}
		if c.Image != "" {
			item.ImageID = source.Text("sha256:" + c.Image)
		}
		if len(c.Names) > 0 {
			item.Name = source.Text(c.Names[0])
		}
		if meta.PodID != "" {
			item.Runtime, item.Pod = "cri-o", source.Text(meta.PodName)
		}
		list = append(list, item)
		return nil
	})
	if err != nil {
		return list, fmt.Errorf("parse containers.json: %w", err)
	}
	return list, nil
}
