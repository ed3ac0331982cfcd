package render

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"text/template/parse"

	corev1 "k8s.io/api/core/v1"

	"github.com/packetboat/packetboat/core/event"
)

var (
	eventType    = reflect.TypeFor[event.Event]()
	involvedType = reflect.TypeFor[event.InvolvedObject]()
)

// inspection is what a look at a template shows without executing it.
type inspection struct {
	uses     Uses
	funcs    map[string]any
	warnings []error
	errs     []error
}

// inspector walks a parse tree and follows the type of every expression as far
// as it is known; nil is a type that is not known. A value that holds the
// involved object and goes where it cannot be followed (a function, a variable,
// another template, the output) counts as: everything of it is seen. What came
// out of there therefore needs no following.
type inspector struct {
	inspection
	source source
	known  map[string]any
	escape bool
	root   reflect.Type // type of $; nil in a template that is called by another
}

func inspect(s source, trees map[string]*parse.Tree, known map[string]any, escape func(string) string) inspection {
	in := &inspector{source: s, known: known, escape: escape != nil}
	in.funcs = map[string]any{blankFunc: known[blankFunc], escapeFunc: escaper(escape)}
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		in.root = nil
		if name == mainTemplate {
			in.root = reflect.PointerTo(eventType)
		}
		if trees[name].Root != nil {
			in.list(trees[name].Root, in.root)
		}
	}
	return in.inspection
}

func (in *inspector) list(l *parse.ListNode, dot reflect.Type) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		in.node(n, dot)
	}
}

func (in *inspector) node(n parse.Node, dot reflect.Type) {
	switch n := n.(type) {
	case *parse.ActionNode:
		in.action(n, dot)
	case *parse.IfNode:
		in.pipe(n.Pipe, dot)
		in.list(n.List, dot)
		in.list(n.ElseList, dot)
	case *parse.WithNode:
		in.list(n.List, in.pipe(n.Pipe, dot))
		in.list(n.ElseList, dot)
	case *parse.RangeNode:
		in.escapes(in.pipe(n.Pipe, dot))
		in.list(n.List, nil)
		in.list(n.ElseList, dot)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			in.escapes(in.pipe(n.Pipe, dot))
		}
	}
}

func (in *inspector) action(n *parse.ActionNode, dot reflect.Type) {
	result := in.pipe(n.Pipe, dot)
	if len(n.Pipe.Decl) > 0 {
		return
	}
	in.escapes(result)
	if result == nil {
		// A nil out of a function or of a map with values of any type would
		// print as <no value>.
		pipeTo(n, blankFunc)
	}
	if in.escape && !isConstant(n.Pipe) {
		pipeTo(n, escapeFunc)
	}
}

func pipeTo(n *parse.ActionNode, function string) {
	n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{
		NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{parse.NewIdentifier(function).SetPos(n.Pos)},
	})
}

func (in *inspector) pipe(p *parse.PipeNode, dot reflect.Type) (result reflect.Type) {
	for _, cmd := range p.Cmds {
		in.escapes(result) // the result so far is this command's last argument
		result = in.command(cmd, dot)
	}
	if len(p.Decl) > 0 {
		in.escapes(result)
	}
	return result
}

func (in *inspector) command(cmd *parse.CommandNode, dot reflect.Type) reflect.Type {
	if f, ok := cmd.Args[0].(*parse.IdentifierNode); ok && f.Ident == "env" && len(cmd.Args) > 1 {
		if name, ok := cmd.Args[1].(*parse.StringNode); ok && isCredential(name.Text) {
			in.errs = append(in.errs, in.source.errorf(int(f.Pos), "%w", errCredential(name.Text)))
		}
	}
	for _, arg := range cmd.Args[1:] {
		in.escapes(in.operand(arg, dot))
	}
	return in.operand(cmd.Args[0], dot)
}

func (in *inspector) operand(n parse.Node, dot reflect.Type) reflect.Type {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return in.fields(dot, n.Ident, n)
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			return in.fields(in.root, n.Ident[1:], n)
		}
		return nil
	case *parse.ChainNode:
		return in.fields(in.operand(n.Node, dot), n.Field, n)
	case *parse.PipeNode:
		return in.pipe(n, dot)
	case *parse.IdentifierNode:
		return in.function(n)
	case *parse.StringNode:
		return reflect.TypeFor[string]()
	default:
		return nil
	}
}

// fields follows .A.B.C from a value of type t.
func (in *inspector) fields(t reflect.Type, names []string, n parse.Node) reflect.Type {
	for _, name := range names {
		if t == nil {
			return nil
		}
		var err error
		if t, err = in.field(t, name); err != nil {
			in.errs = append(in.errs, in.source.errorf(in.offset(n, name), "template: %w", err))
			return nil
		}
	}
	return t
}

// offset finds a field's name: text/template notes for .A.B only where .B is.
func (in *inspector) offset(n parse.Node, name string) int {
	pos := min(int(n.Position()), len(in.source.text))
	from := max(0, pos-len(n.String()))
	if i := strings.Index(in.source.text[from:], "."+name); i >= 0 {
		return from + i
	}
	return pos
}

func (in *inspector) field(t reflect.Type, name string) (reflect.Type, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if m, ok := reflect.PointerTo(t).MethodByName(name); ok && t.Kind() != reflect.Interface {
		return in.method(t, m)
	}
	switch t.Kind() {
	case reflect.Interface:
		return nil, nil
	case reflect.Map:
		return known(t.Elem()), nil
	case reflect.Struct:
		f, ok := t.FieldByName(name)
		if !ok || !f.IsExported() {
			return nil, noField(t, name)
		}
		if t == involvedType {
			in.uses = in.uses.Merge(Uses{
				Labels: name == "Labels", Annotations: name == "Annotations",
				OwnerReferences: name == "OwnerReferences", Deleted: name == "Deleted",
			})
		}
		return known(f.Type), nil
	default:
		return nil, noField(t, name)
	}
}

// method: what the embedded Kubernetes types do cannot see the involved
// object's metadata, and of our own methods these cannot either.
func (in *inspector) method(t reflect.Type, m reflect.Method) (reflect.Type, error) {
	if strings.HasPrefix(m.Name, "Unmarshal") || m.Type.NumOut() == 0 {
		return nil, noField(t, m.Name) // it would change the event, which others read
	}
	var inherited bool
	switch t {
	case eventType:
		blind := []string{
			"ID", "Time", "Occurrences", "Component", "Host", "GetTimestampMs", "GetTimestampISO8601", "DeDot",
		}
		_, inherited = reflect.TypeFor[*corev1.Event]().MethodByName(m.Name)
		inherited = inherited || slices.Contains(blind, m.Name)
	case involvedType:
		_, inherited = reflect.TypeFor[*corev1.ObjectReference]().MethodByName(m.Name)
	default:
		inherited = true
	}
	switch {
	case t == eventType && m.Name == "Owner":
		in.uses = in.uses.Merge(Uses{Labels: true, OwnerReferences: true})
	case !inherited:
		in.uses = everything
	}
	return known(m.Type.Out(0)), nil
}

// escapes notes that a value goes where it cannot be followed.
func (in *inspector) escapes(t reflect.Type) {
	if t == nil {
		return
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == eventType || t == involvedType {
		in.uses = everything
	}
}

// known is nil for a type that says nothing about the value.
func known(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Interface || t == reflect.TypeFor[reflect.Value]() {
		return nil
	}
	return t
}
