package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decodeScalar is for what has no parts. The library reads the value; its error
// would quote it, so ours says only what was wanted.
func (d *decoder) decodeScalar(n *yaml.Node, out reflect.Value, path string) {
	want := wanted(out.Type())
	whole := out.CanInt() || out.CanUint()
	if whole && n.ShortTag() == "!!float" && !strings.ContainsAny(n.Value, ".eEnN") {
		d.report(n, path, Error, outOfRange, "")
		return
	}
	if n.Kind != yaml.ScalarNode && out.Kind() != reflect.Interface || whole && n.ShortTag() != "!!int" {
		d.want(want, n, path)
		return
	}
	if err := n.Decode(out.Addr().Interface()); err == nil {
		return
	}
	if whole {
		d.report(n, path, Error, outOfRange, "")
		return
	}
	d.want(want, n, path)
}

const outOfRange = "this number is too small or too large"

func wanted(t reflect.Type) string {
	switch zero := reflect.Zero(t); {
	case zero.CanInt(), zero.CanUint():
		return "a whole number"
	case zero.CanFloat():
		return "a number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "a text"
	}
	return "a value"
}

func got(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!int":
		return "a number"
	case "!!float":
		return "a decimal number"
	case "!!bool":
		return "true or false"
	case "!!null":
		return "nothing"
	}
	if n.Value == "" {
		return "an empty text"
	}
	return "a text"
}

func decodeDuration(n *yaml.Node, out *time.Duration) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("want a duration such as 5s, got %s", got(n))
	}
	value, err := time.ParseDuration(n.Value)
	switch {
	case n.ShortTag() == "!!int" && err != nil:
		return errors.New(`a duration needs a unit: 5s, 500ms, 10m or 1h`)
	case err != nil:
		return fmt.Errorf("want a duration such as 500ms, 5s, 10m or 1h, got %s", got(n))
	case value < 0:
		return errors.New("a duration cannot be negative")
	}
	*out = value
	return nil
}
