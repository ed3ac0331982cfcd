package redis

import (
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// code is what an error answer begins with, which says what kind it is. The rest
// can repeat what was sent: servers quote the arguments of a command.
func code(answer goredis.Error) string {
	text := answer.Error()
	first, rest, _ := strings.Cut(text, " ")
	if first != "ERR" {
		return first
	}
	if quoted := strings.IndexAny(rest, "'`,:"); quoted >= 0 { // Redis 5 and 6 quote with `
		rest = rest[:quoted]
	}
	return strings.TrimSpace("ERR " + rest)
}
