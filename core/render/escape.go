package render

import (
	"fmt"
	"reflect"
	"text/template/parse"
)

// escapeFunc ends actions whose result may hold text of an event, in the way of
// html/template. It has a name that no template can call.
const escapeFunc = "_escape"

func escaper(escape func(string) string) func(reflect.Value) string {
	return func(v reflect.Value) string { return escape(printed(v)) }
}

// printed is a value as text/template prints it.
func printed(v reflect.Value) string {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer && !v.IsNil() && !saysItself(v) {
		v = v.Elem()
	}
	switch {
	case !v.IsValid():
		return ""
	case v.CanAddr() && !saysItself(v) && saysItself(v.Addr()):
		v = v.Addr()
	}
	return fmt.Sprint(v.Interface())
}

func saysItself(v reflect.Value) bool {
	switch v.Interface().(type) {
	case error, fmt.Stringer:
		return true
	}
	return false
}

// isConstant reports whether an action prints only what its author wrote, such as
// {{ "<!here>" }}: no dot, no field and no variable goes into it.
func isConstant(p *parse.PipeNode) bool {
	for _, cmd := range p.Cmds {
		for _, arg := range cmd.Args {
			switch arg := arg.(type) {
			case *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode, *parse.IdentifierNode:
			case *parse.PipeNode:
				if !isConstant(arg) {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}
