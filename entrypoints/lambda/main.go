// Command lambda is packetboat as an AWS Lambda function: each invocation is one
// run. README.md says how it is built and configured.
//
// The payload may limit the run. The answer is the Report; it is an error only if
// something is owed because of one, so that Lambda's own retry makes sense.
// Lambda invokes one process once at a time.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/packetboat/packetboat/entrypoints/app"
)

// version is set by the linker; a build without it says what Go knows.
var version = ""

func main() {
	f := app.NewFunction(app.FunctionOptions{
		LogFormat: app.LogJSON, Version: app.BuildVersion(version), Stderr: os.Stderr,
	})
	// Lambda gives the time before the first invocation more CPU than most functions have.
	f.Warm()
	lambda.Start(handler{f})
}

// handler takes the payload as it comes: what is no JSON is no error.
type handler struct{ function *app.Function }

// Invoke makes one run and returns its Report.
func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	report, err := h.function.Invoke(ctx, payload)
	if err != nil {
		return nil, messages.InvokeResponse_Error{Message: err.Error(), Type: errorType(err)}
	}
	return json.Marshal(report)
}

// errorType is for alarms and for conditions on a retry: only what is owed may
// be there the next time, a payload and a configuration stay wrong.
func errorType(err error) string {
	switch {
	case errors.Is(err, app.ErrPayload):
		return "Packetboat.Payload"
	case app.ExitCode(err) == app.ExitUsage:
		return "Packetboat.Usage"
	}
	return "Packetboat.Owed"
}
