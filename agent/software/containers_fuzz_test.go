package software_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/internal/inventory"
)

func FuzzParseImages(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		a, _ := software.ParseDockerImages(strings.NewReader(s), "docker") // what came before an error
		b, _ := software.ParseDockerRepositories(strings.NewReader(s))
		c, _ := software.ParseStorageImages(strings.NewReader(s))
		return append(append(a, b...), c...)
	}, dockerImages, repositories, storageImages)
}

func validContainers(t *testing.T, list inventory.Containers) {
	t.Helper()
	o := inventory.Observation{Epoch: 1, Seq: 1, Sections: []inventory.Section{{
		Name: inventory.SectionContainers, Status: inventory.StatusOK, Body: list,
	}}}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}

func FuzzParseContainers(f *testing.F) {
	for _, seed := range []string{dockerContainers, dockerConfig, storageContainers} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, _ := software.ParseDockerContainers(strings.NewReader(s), "docker") // what came before an error
		b, _ := software.ParseStorageContainers(strings.NewReader(s))
		c, _ := software.ParseDockerContainer([]byte(s))
		validContainers(t, append(append(a, b...), c))
	})
}

func FuzzReadContainerd(f *testing.F) {
	f.Add(database(containerdTree()))
	f.Fuzz(func(t *testing.T, b []byte) {
		// A changed database is only read with a sum that is right.
		if len(b) > 2*boltPage {
			b = append(bytes.Clone(database(containerdTree())[:2*boltPage]), b[2*boltPage:]...)
		}
		images, containers, _ := software.ReadContainerd(b) // what came before an error
		var named []inventory.Software
		for _, s := range images {
			if s.Name != "" {
				named = append(named, s)
			}
		}
		valid(t, named, nil)
		validContainers(t, containers)
	})
}
