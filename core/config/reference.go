package config

import (
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
)

// Secrets says how long what was fetched is taken for true.
type Secrets struct {
	// TTL is how long a process that goes on uses a secret, and a configuration
	// that is no file, before it asks again; default 5m.
	TTL time.Duration `yaml:"ttl"`
}

// Reference is a secret that the configuration only names: as the whole value of
// a key whose type is secret.String or sinks.SecretTemplate.
type Reference struct {
	Secret   secret.Reference
	Key      string // such as receivers[0].slack.token
	Position sinks.Position
	// Set gives the secret its value, before anything is opened with it.
	Set func(value string)
}

// standIn is what a secret reveals that was never fetched. Most secrets may be
// anything, and the others are addresses: with this one, of a top level domain
// that never resolves (RFC 2606), a configuration can be checked and events
// explained without asking anybody.
const standIn = "https://secret.invalid/not-fetched"

// secret takes a value for a secret: itself, or as a reference to it.
func (d *decoder) secret(n *yaml.Node, out *secret.String, path string) {
	if n.Kind != yaml.ScalarNode {
		d.want("a text", n, path)
		return
	}
	ref, plain, err := secret.Parse(n.Value)
	if err != nil {
		d.report(n, path, Error, "this secret is no reference: "+err.Error(), "")
		return
	}
	if ref == nil {
		*out = plain
		return
	}
	var set func(string)
	*out, set = secret.Later(standIn)
	d.references = append(d.references, Reference{Secret: *ref, Key: path, Position: at(n), Set: set})
}

// secretTemplate takes a reference to a secret, else a template.
func (d *decoder) secretTemplate(n *yaml.Node, out *sinks.SecretTemplate, path string) {
	ref, plain, err := secret.Parse(n.Value)
	if ref != nil || err != nil {
		out.Position = at(n)
		d.secret(n, &out.Secret, path)
		return
	}
	if d.fail(n, path, out.UnmarshalYAML(n)); n.Kind == yaml.ScalarNode {
		out.Text = plain.Reveal() // without what is before one that only looks like a reference
	}
}

// kubeconfig takes a reference to the content of a kubeconfig out of the key that
// is else a path.
func (l *loader) kubeconfig(in place, c *Cluster) {
	n := find(in.node, "kubeconfig")
	if n == nil || c.Kubeconfig == "" {
		return
	}
	if ref, _, err := secret.Parse(c.Kubeconfig); err != nil || ref != nil {
		l.secret(n, &c.KubeconfigData, below(in.path, "kubeconfig"))
		c.Kubeconfig = ""
	}
}
