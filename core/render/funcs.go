package render

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/Masterminds/sprig/v3"
)

// blankFunc prints nil as nothing. It ends actions whose result is not known.
const blankFunc = "blankIfNil"

// maxItems bounds lists that a template makes out of a number.
const maxItems = 10_000

// functions is sprig's text functions without what a payload must not do.
func functions() map[string]any {
	f := sprig.TxtFuncMap()
	for name := range refused() {
		delete(f, name)
	}
	f["env"] = env
	f[blankFunc] = func(v any) any {
		if v == nil {
			return ""
		}
		return v
	}
	f["repeat"] = func(n int, s string) (string, error) {
		if n < 0 || n > 0 && len(s) > maxOutput/n {
			return "", errTooLarge
		}
		return strings.Repeat(s, n), nil
	}
	for _, name := range []string{"indent", "nindent"} {
		indent := f[name].(func(int, string) string)
		f[name] = func(n int, s string) (string, error) {
			if n < 0 || n > maxItems || n*(strings.Count(s, "\n")+1)+len(s) > maxOutput {
				return "", errTooMany
			}
			return indent(n, s), nil
		}
	}
	for _, name := range []string{"randAlpha", "randAlphaNum", "randAscii", "randNumeric"} {
		random := f[name].(func(int) string)
		f[name] = func(n int) (string, error) {
			if n < 0 || n > maxItems {
				return "", errTooMany
			}
			return random(n), nil
		}
	}
	randBytes := f["randBytes"].(func(int) (string, error))
	f["randBytes"] = func(n int) (string, error) {
		if n < 0 || n > maxItems {
			return "", errTooMany
		}
		return randBytes(n)
	}
	f["until"] = func(n int) ([]int, error) {
		if n < 0 {
			return steps(0, n, -1)
		}
		return steps(0, n, 1)
	}
	f["untilStep"] = steps
	f["seq"] = seq
	return f
}

var errTooMany = fmt.Errorf("a number larger than %d is not allowed here", maxItems)

// steps counts from start to stop, stop not included.
func steps(start, stop, step int) ([]int, error) {
	list := []int{}
	if step == 0 || start < stop && step < 0 || start > stop && step > 0 {
		return list, nil
	}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(list) == maxItems {
			return nil, errTooMany
		}
		list = append(list, i)
	}
	return list, nil
}

// seq is the shell's: stop included, as one text.
func seq(args ...int) (string, error) {
	start, step, stop := 1, 1, 0
	switch len(args) {
	case 1:
		stop = args[0]
	case 2:
		start, stop = args[0], args[1]
	case 3:
		start, step, stop = args[0], args[1], args[2]
	default:
		return "", nil
	}
	if len(args) < 3 && stop < start {
		step = -1
	}
	if step == 0 || step > 0 && stop < start || step < 0 && stop > start {
		return "", nil
	}
	past := 1
	if step < 0 {
		past = -1
	}
	list, err := steps(start, stop+past, step)
	return strings.Trim(fmt.Sprint(list), "[]"), err
}

func env(name string) (string, error) {
	if isCredential(name) {
		return "", errCredential(name)
	}
	return os.Getenv(name), nil
}

func errCredential(name string) error {
	return fmt.Errorf("env %q reads what looks like a credential, and a template's result is sent away: "+
		"write ${%s} in the receiver's own field for it instead", name, name)
}

// isCredential judges a variable by its name.
func isCredential(name string) bool {
	name = strings.ToUpper(name)
	for _, word := range []string{"SECRET", "TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "APIKEY"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	return slices.Contains(parts, "KEY") || slices.Contains(parts, "PASS")
}

// refused functions, each with what to do instead.
func refused() map[string]string {
	const keys = "a payload is no place to make keys: it would be another one at each attempt"
	r := map[string]string{
		"getHostByName": "it asks the network for every event; write the address itself",
		"expandenv":     `it can read any variable; use env "NAME", or ${NAME} in the configuration`,
	}
	for _, name := range []string{
		"genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey",
		"genSignedCert", "genSignedCertWithKey", "derivePassword", "htpasswd", "bcrypt", "encryptAES", "decryptAES",
	} {
		r[name] = keys
	}
	return r
}

// changing functions do not give the same result for the same event.
func changing(name string) bool {
	return strings.HasPrefix(name, "rand") || slices.Contains([]string{"uuidv4", "shuffle", "now", "ago"}, name)
}

// function checks the name of a called function and gives the type of its result.
func (in *inspector) function(n *parse.IdentifierNode) reflect.Type {
	if why, is := refused()[n.Ident]; is {
		in.errs = append(in.errs, in.source.errorf(int(n.Pos), "template function %q is not available: %s", n.Ident, why))
		return nil
	}
	f, ok := in.known[n.Ident]
	if !ok {
		if !slices.Contains(builtins(), n.Ident) {
			in.errs = append(in.errs, in.source.errorf(int(n.Pos), "%w", in.noFunction(n.Ident)))
		}
		return nil
	}
	in.funcs[n.Ident] = f
	if changing(n.Ident) {
		in.warnings = append(in.warnings, in.source.errorf(int(n.Pos),
			"template function %q gives another result each time: if an event is sent twice, the two differ", n.Ident))
	}
	return known(reflect.TypeOf(f).Out(0))
}

func (in *inspector) noFunction(name string) error {
	candidates := append(builtins(), slices.Collect(maps.Keys(in.known))...)
	if near := nearest(name, candidates); near != "" {
		return fmt.Errorf("template function %q does not exist: did you mean %q?", name, near)
	}
	return fmt.Errorf("template function %q does not exist: "+
		"there are those of Go's text/template and of sprig, and a field begins with a dot", name)
}

// builtins of text/template, which does not tell them.
func builtins() []string {
	return []string{
		"and", "call", "html", "index", "slice", "js", "len", "not", "or", "print", "printf", "println", "urlquery",
		"eq", "ge", "gt", "le", "lt", "ne",
	}
}
