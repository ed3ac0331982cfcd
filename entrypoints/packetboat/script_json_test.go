package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// checkJSON checks a value of a JSON document, or of the last of JSON lines.
//
//	[!] json FILE PATH VALUE
//
// PATH is keys and numbers of list items with points between, . the whole.
// VALUE is compact JSON, or a text without its quotes; null if there is none.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		usage(ts, "json FILE PATH VALUE", args)
	}
	got := textOf(ts, at(ts, args[0], args[1]))
	if (got == args[2]) == neg {
		ts.Fatalf("%s: %s is %s", args[0], args[1], got)
	}
}

// checkKeys checks the keys of a JSON object, in their order.
//
//	keys FILE PATH KEY...
func checkKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		usage(ts, "keys FILE PATH KEY...", args)
	}
	dec := json.NewDecoder(bytes.NewReader(at(ts, args[0], args[1])))
	open, err := dec.Token()
	ts.Check(err)
	if open != json.Delim('{') {
		ts.Fatalf("%s: %s is no object", args[0], args[1])
	}
	var got []string
	for dec.More() {
		key, err := dec.Token()
		ts.Check(err)
		got = append(got, fmt.Sprint(key))
		var value json.RawMessage
		ts.Check(dec.Decode(&value))
	}
	if strings.Join(got, " ") != strings.Join(args[2:], " ") {
		ts.Fatalf("%s: %s has the keys %s", args[0], args[1], strings.Join(got, " "))
	}
}

// setenv keeps a value for later.
//
//	setenv NAME FILE PATH
func setenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		usage(ts, "setenv NAME FILE PATH", args)
	}
	value := textOf(ts, at(ts, args[1], args[2]))
	if value == "null" {
		ts.Fatalf("%s: there is no %s", args[1], args[2])
	}
	ts.Setenv(args[0], value)
}

// at is the JSON at a path of a file.
func at(ts *testscript.TestScript, file, path string) json.RawMessage {
	text := ts.ReadFile(file)
	value := json.RawMessage(text)
	if !json.Valid(value) {
		all := strings.Split(strings.TrimSpace(text), "\n")
		value = json.RawMessage(all[len(all)-1])
	}
	if !json.Valid(value) {
		ts.Fatalf("%s: neither the whole nor the last line is JSON", file)
	}
	for key := range strings.SplitSeq(strings.Trim(path, "."), ".") {
		if key != "" {
			value = below(value, key)
		}
	}
	return value
}

// below is what stands under a key, null if nothing does.
func below(value json.RawMessage, key string) json.RawMessage {
	var object map[string]json.RawMessage
	var list []json.RawMessage
	if json.Unmarshal(value, &object) == nil && object[key] != nil {
		return object[key]
	}
	if i, err := strconv.Atoi(key); err == nil && json.Unmarshal(value, &list) == nil && 0 <= i && i < len(list) {
		return list[i]
	}
	return json.RawMessage("null")
}

func textOf(ts *testscript.TestScript, value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && string(value) != "null" {
		return text
	}
	var compact bytes.Buffer
	ts.Check(json.Compact(&compact, value))
	return compact.String()
}
