package bigquery

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	api "google.golang.org/api/bigquery/v2"
)

// values are a JSON object's, by key.
type values = map[string]json.RawMessage

func object(payload []byte) (values, error) {
	var v values
	if err := json.Unmarshal(payload, &v); err != nil || v == nil {
		return nil, errors.New("layout: a row is a mapping of columns to values")
	}
	return v, nil
}

// fit makes values a row of a table: what it has a column for, in the column's
// type as far as JSON goes. A text that is no number, say, is left to BigQuery
// to refuse.
func fit(v values, columns []*api.TableFieldSchema) (values, error) {
	keys := keysByColumn(v)
	row := values{}
	for _, c := range columns {
		key, there := keys[c.Name]
		if !there || string(v[key]) == "null" {
			continue
		}
		var err error
		if row[c.Name], err = fitValue(v[key], c, c.Mode == "REPEATED"); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return row, nil
}

func fitValue(value json.RawMessage, c *api.TableFieldSchema, repeated bool) (json.RawMessage, error) {
	kind := kindOf(c)
	switch {
	case repeated:
		list := []json.RawMessage{value}
		if value[0] == '[' {
			if err := json.Unmarshal(value, &list); err != nil {
				return nil, err
			}
		}
		for i := range list {
			var err error
			if list[i], err = fitValue(list[i], c, false); err != nil {
				return nil, err
			}
		}
		return json.Marshal(list)
	case kind == "RECORD" && value[0] == '{':
		inner, err := object(value)
		if err != nil {
			return nil, err
		}
		if inner, err = fit(inner, c.Fields); err != nil {
			return nil, err
		}
		return json.Marshal(inner)
	case kind == "JSON", kind == "STRING" && value[0] != '"':
		return json.Marshal(string(value))
	}
	return value, nil
}

// kindOf is a column's type by its older name, which the API answers with.
func kindOf(c *api.TableFieldSchema) string {
	switch c.Type {
	case "STRUCT":
		return "RECORD"
	case "INT64":
		return "INTEGER"
	case "BOOL":
		return "BOOLEAN"
	}
	return c.Type
}

// keysByColumn are the keys of v by the names that their columns have in a
// table of upstream's. Of two keys with one name the first counts, unless one is
// the name.
func keysByColumn(v values) map[string]string {
	keys := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(v)) {
		name := columnName(key)
		if _, taken := keys[name]; !taken || key == name {
			keys[name] = key
		}
	}
	return keys
}

// columnName is the key as upstream makes it one that BigQuery takes.
func columnName(key string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, key)
	if key == "" || !unicode.IsLetter(rune(key[0])) {
		return "_" + name
	}
	return name
}

// maxInsertID is what BigQuery takes.
const maxInsertID = 128

func insertID(id string) string {
	if len(id) <= maxInsertID {
		return id
	}
	digest := sha256.Sum256([]byte(id))
	return hex.EncodeToString(digest[:])
}
