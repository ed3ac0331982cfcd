package secret

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
)

// Scheme is a kind of place where secrets are kept.
type Scheme string

// The schemes of References.
const (
	File          Scheme = "file"  // a file
	AWSSecret     Scheme = "awssm" // AWS Secrets Manager
	AWSParameter  Scheme = "ssm"   // AWS Systems Manager Parameter Store
	GoogleSecret  Scheme = "gcpsm" // Google Secret Manager
	KubernetesKey Scheme = "k8s"   // a key of a Kubernetes Secret
)

// literal is what is before a value that looks like a reference and is none.
const literal = "literal:"

// Reference names a secret that is kept elsewhere. It is no secret itself.
type Reference struct {
	Scheme Scheme
	Name   string // as its place knows it
	Key    string // in a place that holds several values under one name
}

// String is how a configuration spells it.
func (r Reference) String() string {
	text := string(r.Scheme) + ":" + r.Name
	if r.Key != "" {
		text += "#" + r.Key
	}
	return text
}

// form is how the references of a scheme are spelt.
type form struct {
	name            string // a regular expression
	mayKey, mustKey bool
	want            string
}

// formOf has an empty name for what is no scheme. A name is asked for more than
// its place would demand (a slash above all), so that a password is not easily
// taken for one, and then printed as such.
func formOf(s Scheme) form {
	switch s {
	case File:
		return form{name: `(\.{0,2}/|[A-Za-z]:\\).+`, want: "want file:/PATH, file:./PATH or file:../PATH"}
	case AWSSecret:
		return form{
			name: `(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]+:secret:)?[A-Za-z0-9/_+=.@-]+`, mayKey: true,
			want: "want awssm:NAME or awssm:ARN, and #KEY after it for one key of a JSON object",
		}
	case AWSParameter:
		return form{
			name: `(arn:aws[a-z-]*:ssm:[a-z0-9-]+:[0-9]+:parameter)?/[A-Za-z0-9/_.-]+(:[A-Za-z0-9_.-]+)?`, mayKey: true,
			want: "want ssm:/PATH or ssm:ARN, and #KEY after it for one key of a JSON object",
		}
	case GoogleSecret:
		return form{
			name: `projects/[a-z0-9.:-]+(/locations/[a-z0-9-]+)?/secrets/[A-Za-z0-9_-]+/versions/[A-Za-z0-9_-]+`, mayKey: true,
			want: "want gcpsm:projects/PROJECT/secrets/NAME/versions/latest (or a number), and #KEY after it for one key of a JSON object",
		}
	case KubernetesKey:
		return form{
			name: `[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9.-]*`, mayKey: true, mustKey: true,
			want: "want k8s:NAMESPACE/NAME#KEY",
		}
	}
	return form{}
}

// Parse reads the value of a secret in a configuration: a reference, or else the
// secret itself, without the escape that is before one which looks like a
// reference. The error, of a value that begins like a reference and is none,
// holds nothing of the value.
func Parse(text string) (ref *Reference, plain String, err error) {
	if value, escaped := strings.CutPrefix(text, literal); escaped {
		return nil, New(value), nil
	}
	scheme, rest, ok := strings.Cut(text, ":")
	form := formOf(Scheme(scheme))
	if !ok || form.name == "" {
		return nil, New(text), nil
	}
	r := Reference{Scheme: Scheme(scheme), Name: rest}
	hasKey := false
	if form.mayKey {
		r.Name, r.Key, hasKey = strings.Cut(rest, "#")
	}
	// Compiled here, and not when the process starts: few configurations need it.
	fits := regexp.MustCompile(`^` + form.name + `$`).MatchString(r.Name)
	if !fits || hasKey == (r.Key == "") || form.mustKey && !hasKey || strings.ContainsFunc(text, unicode.IsControl) {
		return nil, String{}, errors.New(form.want + "; a secret that only looks like this is written " + literal + "SECRET")
	}
	return &r, String{}, nil
}
