package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// withUnknown is the JSON of known with the unknown fields behind its own.
func withUnknown(known any, unknown map[string]json.RawMessage) ([]byte, error) {
	b, err := json.Marshal(known)
	if err != nil || len(unknown) == 0 {
		return b, err
	}
	more, err := json.Marshal(unknown)
	if err != nil {
		return nil, err
	}
	return append(append(b[:len(b)-1], ','), more[1:]...), nil
}

// unknownOf finds the fields of the JSON object b that the struct known has no
// place for.
func unknownOf(b []byte, known any) (map[string]json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	if all == nil {
		return nil, errors.New("it has null where an object belongs")
	}
	for field := range reflect.TypeOf(known).Fields() {
		if !field.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		delete(all, name)
		for key := range all {
			// encoding/json takes a field in any case. Kept as unknown it would be written
			// twice, and of two spellings in one object only one would count.
			if strings.EqualFold(key, name) {
				return nil, fmt.Errorf("field %q must be written %q", key, name)
			}
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

// checkKeys refuses a key that stands twice in one object: encoding/json would
// take the last, and a receiver's cursor in the first would be lost. b is valid
// JSON, so its depth is bounded.
func checkKeys(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	return checkValue(dec)
}

func checkValue(dec *json.Decoder) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			token, err := dec.Token()
			if err != nil {
				return err
			}
			key, _ := token.(string)
			if seen[key] {
				return fmt.Errorf("key %.80q stands twice in one object", key)
			}
			seen[key] = true
		}
		if err := checkValue(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
