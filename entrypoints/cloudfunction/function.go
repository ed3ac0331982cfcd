// Package cloudfunction is packetboat as a Google Cloud Function: each request
// or event is one run. README.md says how it is started and configured.
//
// It registers two functions by name with Google's Functions Framework: Run
// answers HTTP requests, as Cloud Scheduler sends them, RunEvent takes
// CloudEvents, as Pub/Sub sends them. What they are sent may limit the run. Both
// may be called concurrently: one run at a time works, the others say so.
package cloudfunction

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/packetboat/packetboat/entrypoints/app"
)

// timeout is for a platform that does not say its own, below the 60 s that a
// Cloud Function has by default.
const timeout = 50 * time.Second

// Google's buildpack writes the main itself: it imports this package and finds
// the function by the name it was deployed under, so it must be registered by then.
func init() { //nolint:gochecknoinits // the protocol of the Functions Framework; it does no I/O
	f := app.NewFunction(app.FunctionOptions{
		LogFormat: app.LogGoogle, Timeout: timeout, Version: app.BuildVersion(version), Stderr: os.Stderr,
	})
	functions.HTTP("Run", serve(f))
	functions.CloudEvent("RunEvent", receive(f))
}

// serve answers with the Report: 200, or 500 if something is owed because of an
// error, so that Cloud Scheduler's retry makes sense. It takes POST alone: a run
// changes things, and whoever only looks sends GET.
func serve(f *app.Function) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			answer(w, http.StatusMethodNotAllowed, map[string]string{"error": "a run is started by POST"})
			return
		}
		payload, err := io.ReadAll(io.LimitReader(r.Body, app.MaxPayload+1))
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "the body ended early"})
			return
		}
		report, err := f.Invoke(r.Context(), payload)
		answer(w, status(err), report)
	}
}

func status(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, app.ErrPayload):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever is gone gets no answer; the log has the Report
}

// receive answers an event: an error, which becomes a 500, makes Pub/Sub send it again.
func receive(f *app.Function) func(context.Context, cloudevents.Event) error {
	return func(ctx context.Context, event cloudevents.Event) error {
		payload, err := payloadOf(event)
		if err == nil {
			_, err = f.Invoke(ctx, payload)
		}
		return err
	}
}

// payloadOf is the data of a Pub/Sub message; other events have none for us.
func payloadOf(event cloudevents.Event) ([]byte, error) {
	var published struct{ Message struct{ Data []byte } } // base64 in JSON
	if event.Type() != "google.cloud.pubsub.topic.v1.messagePublished" {
		return nil, nil
	}
	if err := event.DataAs(&published); err != nil {
		return nil, fmt.Errorf("%w: this is no message of Pub/Sub: %w", app.ErrPayload, err)
	}
	return published.Message.Data, nil
}
