package cluster_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// principal is who has an access key.
type principal struct{ secret, session, arn, id string }

// sts is the Security Token Service as the verifier of EKS and this program see
// it: GetCallerIdentity of a signed request, whose signature it computes itself
// from the description of Signature Version 4, and AssumeRole.
type sts struct {
	others http.RoundTripper

	mu    sync.Mutex
	known map[string]principal // by access key
}

const (
	userKey, userSecret = "AKIA0000000000000001", "user-secret-0001"
	roleKey, roleSecret = "ASIA0000000000000002", "role-secret-0002"
	roleSession         = "session-t0ken-0002/+="
	roleARN             = "arn:aws:iam::123456789012:role/packetboat"
	userARN             = "arn:aws:iam::123456789012:user/somebody"
)

func newSTS() *sts {
	return &sts{others: http.DefaultTransport, known: map[string]principal{
		userKey: {userSecret, "", userARN, "AIDA0001"},
		roleKey: {roleSecret, roleSession, "arn:aws:sts::123456789012:assumed-role/packetboat/packetboat", "AROA0002:packetboat"},
	}}
}

// RoundTrip makes it the network of whoever sends requests to STS's public names.
func (s *sts) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Host, "sts") {
		return s.others.RoundTrip(r)
	}
	recorder := httptest.NewRecorder()
	s.getCallerIdentity(recorder, r)
	return recorder.Result(), nil
}

func (s *sts) getCallerIdentity(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, _, _ := strings.Cut(r.URL.Query().Get("X-Amz-Credential"), "/")
	who, known := s.known[key]
	if fault := fault(r, who); !known || fault != "" {
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `{"Error":{"Code":%q}}`, fault)
		return
	}
	_, _ = fmt.Fprintf(w, `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012","Arn":%q,"UserId":%q}}}`, who.arn, who.id)
}

// fault is why a presigned request is refused.
func fault(r *http.Request, who principal) string {
	query := r.URL.Query()
	signed, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	if err != nil || time.Since(signed).Abs() > 15*time.Minute {
		return "ExpiredToken"
	}
	if query.Get("X-Amz-Security-Token") != who.session {
		return "InvalidClientTokenId"
	}
	scope := strings.SplitN(query.Get("X-Amz-Credential"), "/", 2)
	if len(scope) != 2 {
		return "IncompleteSignature"
	}
	var headers strings.Builder
	for name := range strings.SplitSeq(query.Get("X-Amz-SignedHeaders"), ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.URL.Host
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := strings.Join([]string{
		r.Method, "/", canonicalQuery(query), headers.String(), query.Get("X-Amz-SignedHeaders"), hash(""),
	}, "\n")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", query.Get("X-Amz-Date"), scope[1], hash(canonical)}, "\n")
	key := []byte("AWS4" + who.secret)
	for part := range strings.SplitSeq(scope[1], "/") {
		key = mac(key, part)
	}
	if hex.EncodeToString(mac(key, toSign)) != query.Get("X-Amz-Signature") {
		return "SignatureDoesNotMatch"
	}
	return ""
}

func canonicalQuery(query url.Values) string {
	var pairs []string
	for name, values := range query {
		if name != "X-Amz-Signature" {
			pairs = append(pairs, url.QueryEscape(name)+"="+strings.ReplaceAll(url.QueryEscape(values[0]), "+", "%20"))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, text)
	return h.Sum(nil)
}

// ServeHTTP is AssumeRole, for those who have the right external ID.
func (s *sts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	if r.PostForm.Get("Action") != "AssumeRole" || r.PostForm.Get("RoleArn") != roleARN || r.PostForm.Get("ExternalId") != "ext-4711" {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not with this external ID</Message></Error></ErrorResponse>`)
		return
	}
	_, _ = fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken>
<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
		roleKey, roleSecret, roleSession, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}
