package hardware

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const cupsDir = "etc/cups"

// readPrinters reads the queues of CUPS from its files.
func readPrinters(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	if !tree.Exists(cupsDir) {
		return nil, source.Unsupported("CUPS is not installed: /%s does not exist", cupsDir)
	}
	f, err := tree.Open(cupsDir + "/printers.conf")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return inventory.Printers{}, nil
	case errors.Is(err, fs.ErrPermission):
		return describedPrinters(tree), source.Partial("printers without a driver of their own, addresses and the default are in /%s/printers.conf, "+
			"which only root may read: run the agent as root or give it CAP_DAC_READ_SEARCH", cupsDir)
	case err != nil:
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	list, err := parsePrinters(f)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		readPPD(tree, list[i].Name).describe(&list[i])
	}
	return list, nil
}

// describedPrinters are the printers that have a description, whose names everybody may see.
func describedPrinters(tree *source.Tree) inventory.Printers {
	list := inventory.Printers{}
	for _, file := range tree.Names(cupsDir+"/ppd", maxList) {
		name, ok := strings.CutSuffix(source.Text(file), ".ppd")
		if !ok || name == "" {
			continue
		}
		p := inventory.Printer{Name: name}
		readPPD(tree, name).describe(&p)
		list = append(list, p)
	}
	return list
}

func readPPD(tree *source.Tree, printer string) ppd {
	if strings.ContainsRune(printer, '/') {
		return ppd{}
	}
	f, err := tree.Open(cupsDir + "/ppd/" + printer + ".ppd")
	if err != nil {
		return ppd{} // driverless printers have none
	}
	defer func() { _ = f.Close() }() // only read
	return parsePPD(f)
}
