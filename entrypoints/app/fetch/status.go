package fetch

import (
	"fmt"
	"net/http"
	"strings"
)

// StatusError is an answer of Google's that is none of the wanted ones.
type StatusError struct {
	Status int
	text   string
}

func (e *StatusError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("answer %d %s: %s", e.Status, http.StatusText(e.Status), e.text), ": ")
}

// Explain says what an error of Get means; permission is what the call needs.
func Explain(permission string, err error) error {
	status, ok := err.(*StatusError) //nolint:errorlint // Get returns it bare
	switch {
	case !ok:
		return err
	case status.Status == http.StatusForbidden:
		return Wrongf("not allowed: %s (%s)", permission, status)
	case status.Status == http.StatusNotFound:
		return Wrongf("does not exist (%s)", status)
	case status.Status == http.StatusBadRequest:
		return Wrongf("%s", status)
	}
	return err
}
