package teams

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/packetboat/packetboat/sinks/httppost"
)

// answerBytes is how much of a connector's answer is looked at.
const answerBytes = 64 << 10

// A connector takes a message with the text 1, and wraps the status that Teams
// gave it into a sentence:
// https://github.com/MicrosoftDocs/msteams-docs/issues/1810
var (
	wrappedStatus = regexp.MustCompile(`HTTP error (\d{3})`)
	failure       = regexp.MustCompile(`delivery failed|Exception`)
)

// hiddenError is what a connector's 200 says of a message that was not delivered.
// Its text may repeat what was sent, so only the status comes out of it.
func hiddenError(answer *httppost.Answer) error {
	found := wrappedStatus.FindSubmatch(answer.Body)
	if found == nil {
		if failure.Match(answer.Body) {
			return fmt.Errorf("answered %d, and that the message was not delivered", answer.Status)
		}
		return nil
	}
	status, _ := strconv.Atoi(string(found[1])) // three digits
	err := fmt.Errorf("answered %d, and that Teams answered %d %s", answer.Status, status, http.StatusText(status))
	return httppost.Judge(err, status, answer.Header, time.Now())
}

// isOff reports whether a workflow refuses every message, which it does with the
// status of a bad one.
func isOff(answer *httppost.Answer) bool {
	var said struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	return json.Unmarshal(answer.Body, &said) == nil && slices.Contains([]string{
		"WorkflowTriggerIsNotEnabled", "WorkflowNotFound", "WorkflowSuspended", "DirectApiAuthorizationRequired",
	}, said.Error.Code)
}
