package render

import (
	"reflect"
	"strconv"
	"text/template/parse"

	"github.com/packetboat/packetboat/core/event"
)

// plain is a template of nothing but text, fields and methods of the event, as
// most are. Its parts are appended without executing anything.
type plain []part

// A part is one of these.
type part struct {
	literal []byte
	text    func(*event.Event) string
	number  func(*event.Event) int64
}

// plainOf recognises such a template, else it is nil. What text/template would
// print in a way of its own (times, maps, pointers, what has a String method) is
// left to it.
func plainOf(tree *parse.Tree) plain {
	if tree.Root == nil {
		return nil
	}
	var parts plain
	for _, node := range tree.Root.Nodes {
		switch node := node.(type) {
		case *parse.TextNode:
			parts = append(parts, part{literal: node.Text})
		case *parse.ActionNode:
			p, ok := partOf(node)
			if !ok {
				return nil
			}
			parts = append(parts, p)
		default:
			return nil
		}
	}
	return parts
}

func partOf(action *parse.ActionNode) (part, bool) {
	if len(action.Pipe.Decl) > 0 || len(action.Pipe.Cmds) != 1 || len(action.Pipe.Cmds[0].Args) != 1 {
		return part{}, false
	}
	node, ok := action.Pipe.Cmds[0].Args[0].(*parse.FieldNode)
	if !ok {
		return part{}, false
	}
	if len(node.Ident) == 1 {
		if p, ok := methodPart(node.Ident[0]); ok {
			return p, true
		}
	}
	return fieldPart(node.Ident)
}

// methodPart calls a method of the event that gives a text or a number.
func methodPart(name string) (part, bool) {
	method, ok := reflect.TypeFor[*event.Event]().MethodByName(name)
	if !ok {
		return part{}, false
	}
	switch call := method.Func.Interface().(type) {
	case func(*event.Event) string:
		return part{text: call}, true
	case func(*event.Event) int64:
		return part{number: call}, true
	case func(*event.Event) int32:
		return part{number: func(ev *event.Event) int64 { return int64(call(ev)) }}, true
	}
	return part{}, false
}

// fieldPart reads a field. Methods go before fields, and what is behind a pointer
// may be missing: both are text/template's.
func fieldPart(names []string) (part, bool) {
	var index []int
	at := eventType
	for _, name := range names {
		if at.Kind() != reflect.Struct {
			return part{}, false
		}
		if _, isMethod := reflect.PointerTo(at).MethodByName(name); isMethod {
			return part{}, false
		}
		field, ok := at.FieldByName(name)
		if !ok {
			return part{}, false
		}
		index, at = append(index, field.Index...), field.Type
	}
	if reflect.PointerTo(at).NumMethod() > 0 {
		return part{}, false
	}
	switch at.Kind() {
	case reflect.String:
		return part{text: func(ev *event.Event) string { return reflect.ValueOf(ev).Elem().FieldByIndex(index).String() }}, true
	case reflect.Int32, reflect.Int64:
		return part{number: func(ev *event.Event) int64 { return reflect.ValueOf(ev).Elem().FieldByIndex(index).Int() }}, true
	}
	return part{}, false
}

func (p plain) append(dst []byte, ev *event.Event) []byte {
	for i := range p {
		switch {
		case p[i].text != nil:
			dst = append(dst, p[i].text(ev)...)
		case p[i].number != nil:
			dst = strconv.AppendInt(dst, p[i].number(ev), 10)
		default:
			dst = append(dst, p[i].literal...)
		}
	}
	return dst
}
