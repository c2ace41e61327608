package hardware

import (
	"encoding/hex"
	"strings"

	"github.com/muster-itam/muster/agent/source"
)

// tpmMaker is the text in a manufacturer's id, four characters of which the last may be
// NUL: 0x49465800 is IFX (TCG TPM Vendor ID Registry).
func tpmMaker(id string) string {
	b, err := hex.DecodeString(strings.TrimPrefix(id, "0x"))
	if err != nil || len(b) != 4 {
		return ""
	}
	text := source.Text(strings.TrimRight(string(b), "\x00"))
	if name := tpmMakers[text]; name != "" {
		return name
	}
	return text
}

var tpmMakers = map[string]string{
	"AMD": "AMD", "ATML": "Atmel", "BRCM": "Broadcom", "GOOG": "Google", "HPE": "HPE", "IBM": "IBM", "IFX": "Infineon",
	"INTC": "Intel", "MSFT": "Microsoft", "NTC": "Nuvoton", "NTZ": "Nationz", "QCOM": "Qualcomm", "ROCC": "Fuzhou Rockchip",
	"SMSC": "SMSC", "SNS": "Sinosun", "STM": "STMicroelectronics", "TXN": "Texas Instruments", "WEC": "Winbond",
}
