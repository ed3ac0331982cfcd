package peers

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// rsyslogConfig reads TCP and writes what it understood of each message as a line.
// Without a queue it has written what it has read.
const rsyslogConfig = `global(workDirectory="%[1]s" maxMessageSize="64k")
main_queue(queue.type="Direct")
module(load="imtcp")
input(type="imtcp" address="%[2]s" port="%[3]s")
template(name="seen" type="string" string="%%pri%%|%%hostname%%|%%app-name%%|%%msgid%%|%%structured-data%%|%%msg%%\n")
action(type="omfile" file="%[1]s/out" template="seen")
`

// StartRsyslog gives rsyslogd, which must be on the PATH (apt-get install rsyslog),
// and the file that it writes; nil without LIVE.
func StartRsyslog(t testing.TB) (server *Server, file string) {
	t.Helper()
	binary := installed(t, "rsyslogd")
	if binary == "" {
		return nil, ""
	}
	addr, dir := freeAddr(t), t.TempDir()
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	config := filepath.Join(dir, "conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, rsyslogConfig, dir, host, port), 0o600))
	args := []string{"-n", "-f", config, "-i", "NONE"}
	return startServer(t, binary, "rsyslogd", addr, nil, args), filepath.Join(dir, "out")
}
