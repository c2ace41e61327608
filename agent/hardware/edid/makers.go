package edid

// Maker is the name behind a PNP id; the id itself when it is none of the commonest.
// The ids are those of the UEFI Forum's public list (https://uefi.org/PNP_ID_List), the
// names those that the makers sell under.
func Maker(id string) string {
	if name := makers[id]; name != "" {
		return name
	}
	return id
}

var makers = map[string]string{
	"ACI": "ASUS", "ACR": "Acer", "AOC": "AOC", "APP": "Apple",
	"AUO": "AU Optronics", "AUS": "ASUS", "AVO": "Avocent", "BBY": "Insignia",
	"BNQ": "BenQ", "BOE": "BOE", "CMN": "Chimei Innolux", "CMO": "Chi Mei Optoelectronics",
	"CPL": "Compal", "CPQ": "Compaq", "CRS": "Corsair", "CTX": "CTX", "DEL": "Dell", "DWE": "Daewoo", "ECS": "ECS",
	"EIZ": "EIZO", "ELO": "Elo Touch", "ENC": "EIZO", "EPI": "Envision", "FCM": "Funai", "FUS": "Fujitsu Siemens",
	"FUJ": "Fujitsu", "GBT": "Gigabyte", "GGL": "Google", "GSM": "LG", "GWY": "Gateway", "HCM": "HCL",
	"HEC": "Hisense", "HEI": "Hyundai", "HIQ": "Hyundai ImageQuest", "HIT": "Hitachi", "HKC": "HKC", "HPN": "HP",
	"HSD": "HannStar", "HSP": "HannStar", "HTC": "Hitachi", "HWP": "HP", "HWV": "Huawei",
	"IBM": "IBM", "ICL": "Fujitsu ICL", "IFS": "InFocus", "INL": "Innolux", "INX": "Innolux", "IVM": "iiyama",
	"IVO": "InfoVision", "JDI": "Japan Display", "JVC": "JVC", "KDS": "KDS", "LCD": "Toshiba Matsushita Display",
	"LEN": "Lenovo", "LGD": "LG Display", "LPL": "LG Philips LCD", "LTN": "Lite-On", "MAX": "Maxdata",
	"MEB": "Medion", "MED": "Medion", "MEI": "Panasonic", "MEL": "Mitsubishi", "MSI": "MSI", "MSG": "MSI",
	"NEC": "NEC", "NOK": "Nokia", "NVD": "NVIDIA", "OPT": "Optoma", "OQI": "Optoma", "PHL": "Philips", "PIO": "Pioneer",
	"PKB": "Packard Bell", "PLN": "Planar", "QDS": "Quanta Display", "SAM": "Samsung",
	"SAN": "Sanyo", "SDC": "Samsung Display", "SEC": "Samsung", "SGI": "Silicon Graphics", "SHP": "Sharp",
	"SNY": "Sony", "SPT": "Sceptre", "SUN": "Sun Microsystems", "TOS": "Toshiba", "TSB": "Toshiba",
	"VES": "Vestel", "VIZ": "Vizio", "VSC": "ViewSonic", "WAC": "Wacom",
	"XMI": "Xiaomi",
}
