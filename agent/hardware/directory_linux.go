package hardware

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// readDirectory finds the directory that the machine has joined in the configuration of
// what asks it. The problem is for an administrator.
func readDirectory(tree *source.Tree) (d directory, problem string) {
	const sssd = "etc/sssd/sssd.conf"
	conf, err := tree.ReadFile(sssd, maxSmallFile)
	if errors.Is(err, fs.ErrPermission) {
		problem = "the directory that the machine is in is in /" + sssd + ", which only root may read"
	}
	text := string(conf)
	for _, name := range tree.Names("etc/sssd/conf.d", maxList) {
		if strings.HasSuffix(name, ".conf") && len(text) < maxBigFile {
			text += "\n" + contents(tree, "etc/sssd/conf.d/"+name)
		}
	}
	if d = sssdDirectory(parseINI(text)); d.kind != "" {
		return d, ""
	}
	if ipa := parseINI(contents(tree, "etc/ipa/default.conf"))["global"]; ipa["realm"] != "" {
		return directory{"freeipa", strings.ToLower(first(ipa["domain"], ipa["realm"]))}, ""
	}
	if d = sambaDirectory(parseINI(contents(tree, "etc/samba/smb.conf"))); d.kind != "" {
		return d, ""
	}
	if d = entraDirectory(parseINI(contents(tree, "etc/himmelblau/himmelblau.conf"))); d.kind != "" {
		return d, ""
	}
	return d, problem
}

// read asks the metadata service of the cloud that the firmware names.
func (m metadata) read(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	f := findings{container: readContainer(tree)}
	if f.container.kind != "" {
		return nil, source.Unsupported("the cloud's instance is the host of this container")
	}
	f.smbios, _ = readSMBIOS(tree) // what everybody may read will do
	provider := f.cloudName()
	i, err := m.ask(ctx, provider)
	if err != nil {
		return nil, err
	}
	return i.device(provider, f.cloudIdentifiers()), nil
}
