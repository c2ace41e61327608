package reconcile

import "github.com/muster-itam/muster/internal/inventory"

// typeWords names a claim type for people.
func typeWords(t Type) string {
	switch t {
	case inventory.IDCloudInstance:
		return "cloud instance id"
	case inventory.IDContainer:
		return "container id"
	case inventory.IDVMInstance:
		return "virtual machine id"
	case inventory.IDDirectory:
		return "directory id"
	case inventory.IDMDM:
		return "device management id"
	case inventory.IDSerial:
		return "serial number"
	case inventory.IDSMBIOS:
		return "system UUID"
	case inventory.IDAgent:
		return "agent id"
	case inventory.IDSNMPEngine:
		return "SNMP engine id"
	case inventory.IDMAC:
		return "MAC address"
	case inventory.IDMachine:
		return "machine-id"
	case TypeDisk:
		return "disk serial number"
	case TypeName:
		return "name"
	case inventory.IDSSHHostKey:
		return "SSH host key"
	case TypeAddress:
		return "address"
	default:
		return string(t)
	}
}

func roleWords(r string) string {
	switch inventory.Role(r) {
	case inventory.RoleHost:
		return "machine"
	case inventory.RoleContainer:
		return "container"
	case inventory.RoleBMC:
		return "management controller"
	case inventory.RoleVirtualAddress:
		return "virtual address"
	default:
		return r
	}
}
