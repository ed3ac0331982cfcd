package local

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
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
