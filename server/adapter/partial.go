package adapter

import "fmt"

// A PartialError comes with results of which some are missing.
type PartialError struct {
	// Answered of Expected gave a result.
	Answered, Expected int
	// Err is why the others did not: the context's error where the time was
	// over.
	Err error
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("%d of %d answered: %v", e.Answered, e.Expected, e.Err)
}

func (e *PartialError) Unwrap() error { return e.Err }
