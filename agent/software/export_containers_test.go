package software

import (
	"bytes"

	"github.com/muster-itam/muster/internal/inventory"
)

// Image makes software of a reference to an image.
var Image = image

// ReadContainerd reads a database but for Docker's namespace.
func ReadContainerd(b []byte) (inventory.SoftwareList, inventory.Containers, error) {
	records, err := readContainerd(bytes.NewReader(b), notMoby)
	return records.images, records.containers, err
}
