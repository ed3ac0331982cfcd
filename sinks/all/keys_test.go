package all

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// keys are the YAML keys of a Config, nested ones as a.b.
func keys(config any) []string { return keysOf(reflect.TypeOf(config).Elem(), "") }

func keysOf(t reflect.Type, prefix string) []string {
	var all []string
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			all = append(all, keysOf(field.Type, prefix)...)
		case name == "" || name == "-":
		case field.Type.Kind() == reflect.Struct && hasKeys(field.Type):
			all = append(all, keysOf(field.Type, prefix+name+".")...)
		default:
			all = append(all, prefix+name)
		}
	}
	return all
}

func hasKeys(t reflect.Type) bool { return len(keysOf(t, "")) > 0 }

func TestKeysOf(t *testing.T) {
	type inner struct {
		B int `yaml:"b"`
	}
	type outer struct {
		A      string `yaml:"a"`
		Nested inner  `yaml:"nested"`
		Inline inner  `yaml:",inline"`
	}
	assert.Equal(t, []string{"a", "nested.b", "b"}, keys(&outer{}))
}
