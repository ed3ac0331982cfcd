package local

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/packetboat/packetboat/deploy/local/kube"
)

// User is someone the API server knows by a token. The API server reads tokens only at its start, so these are all.
type User string

// Admin may do everything. The others may do nothing until a test binds a role to them (kind User, this name).
const (
	Admin      User = "admin"
	Packetboat User = "packetboat"
	Viewer     User = "viewer"
	Nobody     User = "nobody"
)

// Token is the user's bearer token.
func (c *Cluster) Token(user User) string { return c.tokens[user] }

// Kubeconfig is the path of a kubeconfig file for this user.
func (c *Cluster) Kubeconfig(user User) string {
	if user == Admin {
		return c.path("kubeconfig")
	}
	return c.path("kubeconfig-" + string(user))
}

// ServiceAccount is the path of a kubeconfig file for a service account that exists, with a token of it that is good for an hour.
func (c *Cluster) ServiceAccount(ctx context.Context, namespace, name string) (kubeconfigFile string, err error) {
	answer, err := c.client.Do(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+name+"/token", kube.JSON,
		[]byte(`{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}`))
	if err != nil {
		return "", fmt.Errorf("token of service account %s/%s: %w", namespace, name, err)
	}
	var request struct{ Status struct{ Token string } }
	if err := json.Unmarshal(answer, &request); err != nil {
		return "", fmt.Errorf("token of service account %s/%s: %w", namespace, name, err)
	}
	ca, err := os.ReadFile(c.path("pki", "ca.crt"))
	if err != nil {
		return "", err
	}
	file := c.path("kubeconfig-" + namespace + "-" + name)
	return file, os.WriteFile(file, []byte(kubeconfig(c.URL(), ca, User(name), request.Status.Token)), 0o600)
}

// writeUsers gives each user a new token and writes the file the API server reads them from, and the kubeconfigs.
func (c *Cluster) writeUsers() error {
	ca, err := os.ReadFile(c.path("pki", "ca.crt"))
	if err != nil {
		return err
	}
	c.tokens = map[User]string{}
	var tokens strings.Builder
	for _, user := range []User{Admin, Packetboat, Viewer, Nobody} {
		c.tokens[user] = rand.Text()
		group := ""
		if user == Admin {
			group = "system:masters"
		}
		fmt.Fprintf(&tokens, "%s,%s,%s,%s\n", c.tokens[user], user, user, group)
		config := kubeconfig(c.URL(), ca, user, c.tokens[user])
		if err := os.WriteFile(c.Kubeconfig(user), []byte(config), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(c.path("tokens.csv"), []byte(tokens.String()), 0o600)
}

func kubeconfig(server string, ca []byte, user User, token string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: packetboat-local
contexts:
- name: packetboat-local
  context: {cluster: packetboat-local, user: %s}
clusters:
- name: packetboat-local
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: %s
  user: {token: %s}
`, user, server, base64.StdEncoding.EncodeToString(ca), user, token)
}
