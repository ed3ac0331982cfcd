package config

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
)

// Cluster says which cluster is read. At most one way to it is set; with none it
// is the caller's choice (its command line, the pod's own cluster, KUBECONFIG).
type Cluster struct {
	InCluster  bool   `yaml:"inCluster"`  // the cluster that this process runs in
	Kubeconfig string `yaml:"kubeconfig"` // path of a file, or a reference to what would be in it
	// KubeconfigData is what Kubeconfig refers to, which is "" then.
	KubeconfigData secret.String `yaml:"-"`
	// EKS is a cluster of Amazon EKS, as an IAM principal.
	EKS *EKS `yaml:"eks"`
	// GKE is a cluster of Google Kubernetes Engine, as a Google identity.
	GKE *GKE `yaml:"gke"`
	// Server is the URL of an API server, with caData and tokenFile.
	Server string `yaml:"server"`
	// CAData are the certificates that the server's is checked with: base64, as in
	// a kubeconfig, or plain PEM. Default are the system's.
	CAData Certificates `yaml:"caData"`
	// TokenFile holds the bearer token. It is read again, so that it may be rotated.
	TokenFile string `yaml:"tokenFile"`

	Way      string         `yaml:"-"` // the key of the way that is set, "" for none
	Position sinks.Position `yaml:"-"` // of that key
}

// EKS names a cluster of Amazon EKS and who asks for it.
type EKS struct {
	Name   string `yaml:"name"`   // of the cluster
	Region string `yaml:"region"` // default that of the environment or of the shared AWS configuration
	// RoleARN is a role to take on first, such as one of the cluster's account.
	RoleARN string `yaml:"roleARN"`
	// ExternalID is what the role's trust policy asks for, if it does.
	ExternalID secret.String `yaml:"externalID"`
	// Endpoint is the URL of the EKS API if it is not the region's public one.
	Endpoint string `yaml:"endpoint"`
}

// GKE names a cluster of Google Kubernetes Engine. The identity is that of the
// application default credentials.
type GKE struct {
	Project  string `yaml:"project"`  // ID of the cluster's project
	Location string `yaml:"location"` // region or zone of the cluster
	Name     string `yaml:"name"`     // of the cluster
	// Connect is to which of the cluster's endpoints: dns, ip or privateIP;
	// default dns where the cluster allows it, else ip.
	Connect string `yaml:"connect"`
	// Endpoint is the URL of the container API if it is not the public one. One
	// with http:// gets no credentials.
	Endpoint string `yaml:"endpoint"`
}

// requiredOf are the keys without which a mapping of this type is not taken, as
// Facts.Required.
func requiredOf(t reflect.Type) [][]string {
	switch t {
	case reflect.TypeFor[EKS]():
		return [][]string{{"name"}}
	case reflect.TypeFor[GKE]():
		return [][]string{{"project"}, {"location"}, {"name"}}
	}
	return nil
}

func gkeConnects() []string { return []string{"", "dns", "ip", "privateIP"} }

// Certificates are in PEM.
type Certificates []byte

// UnmarshalText takes base64 of PEM, and PEM.
func (c *Certificates) UnmarshalText(text []byte) error {
	const want = "want certificates: base64, as certificate-authority-data of a kubeconfig has them, or plain PEM"
	if len(text) == 0 {
		*c = nil
		return nil
	}
	raw := text
	if !strings.Contains(string(text), "-----BEGIN ") {
		var err error
		// Base64 is often folded into lines.
		if raw, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(text)), "")); err != nil {
			return errors.New(want)
		}
	}
	found := 0
	for rest := raw; ; found++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if _, err := x509.ParseCertificate(block.Bytes); block.Type != "CERTIFICATE" || err != nil {
			return fmt.Errorf("PEM block %d is not a certificate", found+1)
		}
	}
	if found == 0 {
		return errors.New(want)
	}
	*c = raw
	return nil
}

// checkCluster finds what is wrong with the mapping in, and which way it names.
func (l *loader) checkCluster(in place, c *Cluster) {
	set := map[string]bool{
		"inCluster": c.InCluster, "kubeconfig": c.Kubeconfig != "", "eks": c.EKS != nil, "gke": c.GKE != nil, "server": c.Server != "",
	}
	for _, key := range keys(in.node) {
		switch {
		case !set[key.Value]:
		case c.Way == "":
			c.Way, c.Position = key.Value, at(key)
		default:
			l.wrong(in, key.Value, fmt.Sprintf("one way to the cluster only, and %s at line %d is one", c.Way, c.Position.Line), "")
		}
	}
	if c.Server == "" {
		for key, set := range map[string]bool{"caData": c.CAData != nil, "tokenFile": c.TokenFile != ""} {
			if set {
				l.wrong(in, key, "is of use with server only", "")
			}
		}
	}
	l.kubeconfig(in, c)
	l.checkServer(in, c)
	if c.EKS != nil {
		l.checkEKS(in, *c.EKS)
	}
	if c.GKE != nil {
		l.checkGKE(in, *c.GKE)
	}
}

func (l *loader) checkServer(in place, c *Cluster) {
	if c.Server == "" {
		return
	}
	l.checkURL(in, "server", c.Server, "https://10.0.0.1:6443")
	if strings.HasPrefix(c.Server, "http://") && c.TokenFile != "" {
		l.wrong(in, "server", "http:// would show the token of tokenFile to everybody on the way", "use https://")
	}
}

func (l *loader) checkURL(in place, key, text, example string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		l.wrong(in, key, "want a URL such as "+example, "")
	case u.User != nil:
		l.wrong(in, key, "holds a name or password, which are not used", "")
	}
}

var (
	eksName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]*$`)
	roleARN = regexp.MustCompile(`^arn:[a-z-]+:iam::[0-9]+:role/.+$`)
)

func (l *loader) checkEKS(in place, e EKS) {
	switch {
	case e.Name == "":
		l.wrong(in, "eks.name", "the cluster's name is missing", "")
	case !eksName.MatchString(e.Name):
		l.wrong(in, "eks.name", "want the cluster's name, not its ARN: letters, digits, _ and -", "")
	}
	if strings.ContainsAny(e.Region, " /.") {
		l.wrong(in, "eks.region", "want a region such as eu-central-1", "")
	}
	if e.RoleARN != "" && !roleARN.MatchString(e.RoleARN) {
		l.wrong(in, "eks.roleARN", "want arn:aws:iam::ACCOUNT:role/NAME", "")
	}
	if e.RoleARN == "" && !e.ExternalID.IsZero() {
		l.wrong(in, "eks.externalID", "is of use with roleARN only", "")
	}
	if e.Endpoint != "" {
		l.checkURL(in, "eks.endpoint", e.Endpoint, "https://eks.eu-central-1.amazonaws.com")
	}
}

func (l *loader) checkGKE(in place, g GKE) {
	for _, part := range []struct{ key, value, what string }{
		{"project", g.Project, "the ID of the cluster's project"},
		{"location", g.Location, "the cluster's region or zone"},
		{"name", g.Name, "the cluster's name"},
	} {
		switch {
		case part.value == "":
			l.wrong(in, "gke."+part.key, part.what+" is missing", "")
		case strings.ContainsAny(part.value, "/?#% "):
			l.wrong(in, "gke."+part.key, "want "+part.what+", without a path", "")
		}
	}
	if g.Endpoint != "" {
		l.checkURL(in, "gke.endpoint", g.Endpoint, "https://container.googleapis.com")
	}
	if !slices.Contains(gkeConnects(), g.Connect) {
		l.wrong(in, "gke.connect", "want dns, ip or privateIP", suggest(g.Connect, gkeConnects()[1:]))
	}
}

// keys are those of a mapping, in the order of the file.
func keys(n *yaml.Node) (all []*yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		all = append(all, n.Content[i])
	}
	return all
}
