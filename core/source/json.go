package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"

	"github.com/packetboat/packetboat/core/event"
)

// Raw hands out the JSON of every event in r, one after the other and never all
// at once: r is a list, as kubectl get events -o json prints it, or a stream of
// events, as this program and its predecessor write them, or a mix of both.
func Raw(r io.Reader) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		s := rawStream{dec: json.NewDecoder(r), yield: yield}
		for {
			err := s.value()
			switch {
			case errors.Is(err, io.EOF) || errors.Is(err, errStopped):
				return
			case err != nil:
				yield(nil, s.explain(err))
				return
			}
		}
	}
}

type rawStream struct {
	dec   *json.Decoder
	yield func(json.RawMessage, error) bool
	count int
}

func (s *rawStream) explain(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the input ends in the middle of a value")
	}
	return fmt.Errorf("after %d events, at byte %d of the input: %w", s.count, s.dec.InputOffset(), err)
}

// value reads one value at the top: a list or an event. Which of the two shows
// only inside, since kubectl writes items before kind.
func (s *rawStream) value() error {
	first, err := s.dec.Token()
	if err != nil {
		return err
	}
	if first != json.Delim('{') {
		return fmt.Errorf("want an event or a list of events, got %v", first)
	}
	rest := map[string]json.RawMessage{}
	list := false
	for s.dec.More() {
		key, err := s.dec.Token()
		if err != nil {
			return err
		}
		if key == "items" {
			list = true
			if err := s.items(); err != nil {
				return err
			}
			continue
		}
		var value json.RawMessage
		if err := s.dec.Decode(&value); err != nil {
			return middle(err)
		}
		rest[key.(string)] = value
	}
	if _, err := s.dec.Token(); err != nil {
		return middle(err)
	}
	if list {
		return nil
	}
	raw, err := json.Marshal(rest)
	if err != nil {
		return err
	}
	return s.hand(raw)
}

func (s *rawStream) items() error {
	open, err := s.dec.Token()
	if err != nil {
		return middle(err)
	}
	if open == nil {
		return nil // items: null is an empty list
	}
	if open != json.Delim('[') {
		return fmt.Errorf("items is %v, want a list", open)
	}
	for s.dec.More() {
		var raw json.RawMessage
		if err := s.dec.Decode(&raw); err != nil {
			return middle(err)
		}
		if err := s.hand(raw); err != nil {
			return err
		}
	}
	_, err = s.dec.Token()
	return middle(err)
}

func (s *rawStream) hand(raw json.RawMessage) error {
	s.count++
	if !s.yield(raw, nil) {
		return errStopped
	}
	return nil
}

// middle is for an end of input where there may be none.
func middle(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// DecodeJSON reads one event, in the JSON of the core API, of events.k8s.io, or
// of this program, whose involvedObject may carry labels, annotations and owner
// references.
func DecodeJSON(raw []byte, clusterName string) (*event.Event, error) {
	var head struct {
		APIVersion string           `json:"apiVersion"`
		Kind       string           `json:"kind"`
		Regarding  *json.RawMessage `json:"regarding"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("decode event: %w", err)
	}
	if head.Kind != "" && head.Kind != "Event" {
		return nil, fmt.Errorf("decode event: this is a %.80q", head.Kind)
	}
	if head.APIVersion == eventsv1.SchemeGroupVersion.String() || head.Regarding != nil {
		return decodeNewStyle(raw, clusterName)
	}
	ev := &event.Event{}
	if err := json.Unmarshal(raw, ev); err != nil {
		return nil, fmt.Errorf("decode event: %w", err)
	}
	ev.Event.InvolvedObject = ev.InvolvedObject.ObjectReference
	ev.ManagedFields = nil
	// The API's typed clients leave both empty, and so does all that is exported.
	ev.Kind, ev.APIVersion = "", ""
	if ev.ClusterName == "" {
		ev.ClusterName = clusterName
	}
	return ev, nil
}

// decodeNewStyle maps an events.k8s.io/v1 event to the core one, as the API
// server does: they are two views of one stored object.
func decodeNewStyle(raw []byte, clusterName string) (*event.Event, error) {
	var in eventsv1.Event
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("decode events.k8s.io event: %w", err)
	}
	out := corev1.Event{
		ObjectMeta: in.ObjectMeta, InvolvedObject: in.Regarding, Related: in.Related,
		Reason: in.Reason, Message: in.Note, Type: in.Type, Action: in.Action, EventTime: in.EventTime,
		ReportingController: in.ReportingController, ReportingInstance: in.ReportingInstance,
		Source: in.DeprecatedSource, FirstTimestamp: in.DeprecatedFirstTimestamp,
		LastTimestamp: in.DeprecatedLastTimestamp, Count: in.DeprecatedCount,
	}
	if in.Series != nil {
		out.Series = &corev1.EventSeries{Count: in.Series.Count, LastObservedTime: in.Series.LastObservedTime}
	}
	return event.New(out, clusterName), nil
}

// versionOfJSON finds metadata.resourceVersion.
func versionOfJSON(raw []byte) (string, error) {
	var head struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&head); err != nil {
		return "", fmt.Errorf("decode event: %w", err)
	}
	return head.Metadata.ResourceVersion, nil
}
