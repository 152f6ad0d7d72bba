package event

// A Limit is a field of a namespace's options that must not be negative, with its
// default.
type Limit struct {
	Name    string
	Field   *int
	Default int
}

// SetLimits sets the fields that are zero. It panics with the name of a field, and of
// the package whose options these are, if one is negative.
func SetLimits(pkg string, limits []Limit) {
	for _, l := range limits {
		if *l.Field < 0 {
			panic(pkg + ": Options." + l.Name + " is negative")
		}
		if *l.Field == 0 {
			*l.Field = l.Default
		}
	}
}
