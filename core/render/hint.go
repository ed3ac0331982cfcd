package render

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// noField says that a type has no such field, and which one was probably meant.
func noField(t reflect.Type, name string) error {
	if t.Kind() != reflect.Struct {
		return fmt.Errorf("field .%s does not exist: what stands before it is a %s", name, t.Kind())
	}
	if near := nearestField(t, name); near != "" {
		return fmt.Errorf("field .%s does not exist: did you mean .%s?", name, near)
	}
	if t == eventType {
		return fmt.Errorf("field .%s does not exist: the fields of an event begin with a capital letter, "+
			"such as .Reason, .Message, .Namespace and .InvolvedObject.Name", name)
	}
	return fmt.Errorf("field .%s does not exist: there are .%s", name, strings.Join(fieldsOf(t), ", ."))
}

// nearestField knows the names that are right in JSON and wrong in a template.
func nearestField(t reflect.Type, name string) string {
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && tag != "" && strings.EqualFold(tag, name) {
			return f.Name
		}
	}
	candidates := fieldsOf(t)
	for m := range reflect.PointerTo(t).Methods() {
		if strings.HasPrefix(m.Name, "Get") || t == eventType && m.Name == "ToJSON" {
			candidates = append(candidates, m.Name)
		}
	}
	return nearest(name, candidates)
}

func fieldsOf(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() {
			names = append(names, f.Name)
		}
	}
	return names
}

// nearest is the candidate that a typing error would explain, or "".
func nearest(name string, candidates []string) string {
	slices.Sort(candidates)
	best, least := "", 1+len(name)/4
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(c)); d <= least {
			if d < least || best == "" {
				best, least = c, d
			}
		}
	}
	return best
}
