package source

// Category is a kind of information that the host's owner can switch off. A section is what
// something is about; a category is why somebody may mind.
type Category string

// The categories. What is not named here is basic and cannot be switched off by category,
// only by section.
const (
	CategoryBasic         Category = ""
	CategoryUsers         Category = "users"          // local accounts
	CategoryLastLogin     Category = "last_login"     // when an account last signed in
	CategoryLastUser      Category = "last_user"      // who signed in last, or whose device it is
	CategoryUserSoftware  Category = "user_software"  // what one account has: programs, extensions of browsers and editors
	CategoryUsage         Category = "usage"          // when programs were last used
	CategoryPeripherals   Category = "peripherals"    // what is plugged in or paired
	CategoryPrinters      Category = "printers"       // print queues
	CategoryWiFi          Category = "wifi"           // names of wireless networks
	CategoryProcesses     Category = "processes"      // which program listens on a port
	CategoryNeighbours    Category = "neighbours"     // other things in the networks around
	CategoryLibraries     Category = "libraries"      // packages of languages' own managers: many, and costly to find
	CategoryCloudMetadata Category = "cloud_metadata" // asks the cloud's metadata service over the network
)

// Categories are all that can be switched off.
func Categories() []Category {
	return []Category{
		CategoryUsers, CategoryLastLogin, CategoryLastUser, CategoryUserSoftware, CategoryUsage, CategoryPeripherals,
		CategoryPrinters, CategoryWiFi, CategoryProcesses, CategoryNeighbours, CategoryLibraries, CategoryCloudMetadata,
	}
}
