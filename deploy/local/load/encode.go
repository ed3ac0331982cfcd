package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// magic opens every protobuf body of the Kubernetes API; an Unknown around the object's own bytes follows.
var magic = []byte("k8s\x00")

func encode(ev *corev1.Event) ([]byte, error) {
	raw, err := ev.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	envelope := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: "Event"}, Raw: raw}
	body, err := envelope.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return append(bytes.Clone(magic), body...), nil
}

func decode(answer []byte) (Event, error) {
	body, ok := bytes.CutPrefix(answer, magic)
	if !ok {
		return Event{}, errors.New("decode event: not protobuf")
	}
	var envelope runtime.Unknown
	if err := envelope.Unmarshal(body); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	var ev corev1.Event
	if err := ev.Unmarshal(envelope.Raw); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	return version(&ev), nil
}

func decodeJSON(answer []byte) (Event, error) {
	var ev corev1.Event
	if err := json.Unmarshal(answer, &ev); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	return version(&ev), nil
}

func version(ev *corev1.Event) Event {
	return Event{Namespace: ev.Namespace, Name: ev.Name, UID: string(ev.UID), ResourceVersion: ev.ResourceVersion, Count: ev.Count}
}
