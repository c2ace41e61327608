package query

// CompareVersions lets tests look at single rules.
var CompareVersions = compareVersions
