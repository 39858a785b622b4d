package sdk

// A server of a test: `carillon serve` as a process of its own, on a free port, with a data directory that goes with it.
//
// Also its app's backend: signed calls as the vendor documents them, and tokens as an app's own backend mints them.

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	key         = "shop-key"
	secret      = "shop-secret"
	app         = "shop"
	tokenSecret = "the-secret-of-the-sdk-tests-0123456789"
)

const config = `
[[apps]]
name = "` + app + `"
token_secret = "` + tokenSecret + `"
netease = { app_key = "` + key + `", app_secret = "` + secret + `" }
create_unknown_accounts = false
`

const unlimited = `limits = "unlimited"`

// How many accounts, rooms and nonces the tests have made: each test has its own.
var made atomic.Int64

type server struct {
	t         testing.TB
	directory string
	url       string
	process   *exec.Cmd
	ended     chan error
	log       growing[string]
}

// startServer starts a server that ends with the test. `limits` is a line of the app's configuration.
func startServer(t testing.TB, limits string) *server {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "carillon.toml"), []byte(config+limits+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	it := &server{t: t, directory: directory}
	t.Cleanup(func() {
		if it.process != nil {
			it.stop()
		}
	})
	it.start()
	return it
}

// start starts it, again where it was stopped or killed, and waits until it listens.
func (s *server) start() {
	s.t.Helper()
	binary := os.Getenv("CARILLON_BIN")
	if binary == "" {
		s.t.Fatal("CARILLON_BIN must name the server to test")
	}
	data := filepath.Join(s.directory, "data")
	s.process = exec.Command(binary, "serve", "--config", filepath.Join(s.directory, "carillon.toml"), "--data", data,
		"--listen", "127.0.0.1:0")
	lines, err := s.process.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	s.ended = ended
	before := len(s.log.all())
	go func(process *exec.Cmd) {
		for scanner := bufio.NewScanner(lines); scanner.Scan(); {
			s.log.push(scanner.Text())
		}
		ended <- process.Wait()
	}(s.process)
	s.log.until(s.t, before, "the server listens", func(line string) bool { return strings.Contains(line, "listening on") })
	text, err := os.ReadFile(filepath.Join(data, "server.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var said struct{ URL string }
	if err := json.Unmarshal(text, &said); err != nil {
		s.t.Fatal(err)
	}
	s.url = said.URL
}

// stop stops it as an operator would.
func (s *server) stop() {
	s.t.Helper()
	_ = s.process.Process.Signal(syscall.SIGTERM)
	if err := receive(s.t, s.ended, "the server stops"); err != nil {
		s.t.Errorf("the server ended with %v:\n%s", err, strings.Join(s.log.all(), "\n"))
	}
	s.process = nil
}

// kill ends it at once, as a crash would.
func (s *server) kill() {
	s.t.Helper()
	_ = s.process.Process.Kill()
	receive(s.t, s.ended, "the server is dead")
	s.process = nil
}

type object = map[string]any

// call calls `msg/sendBatchMsg` and the like, and returns the answer, which must be a success.
func (s *server) call(name string, fields map[string]string) object {
	s.t.Helper()
	nonce, moment := strconv.FormatInt(made.Add(1), 10), strconv.FormatInt(time.Now().Unix(), 10)
	form := url.Values{}
	for field, value := range fields {
		form.Set(field, value)
	}
	request, err := http.NewRequest("POST", s.url+"/nimserver/"+name+".action", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	sum := sha1.Sum([]byte(secret + nonce + moment))
	request.Header.Set("AppKey", key)
	request.Header.Set("Nonce", nonce)
	request.Header.Set("CurTime", moment)
	request.Header.Set("CheckSum", hex.EncodeToString(sum[:]))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer := decode(s.t, text)
	if answer["code"] != 200.0 {
		s.t.Fatalf("%s answered %s", name, text)
	}
	return answer
}

// account creates an account; its static token is its name with `-token`.
func (s *server) account() string {
	s.t.Helper()
	name := fmt.Sprintf("user%d", made.Add(1))
	s.call("user/create", map[string]string{"accid": name, "name": name, "token": name + "-token"})
	return name
}

// send sends a text to accounts.
func (s *server) send(from, text string, to ...string) {
	s.t.Helper()
	fields := map[string]string{"fromAccid": from, "toAccids": encode(to), "type": "0", "body": encode(object{"msg": text})}
	s.call("msg/sendBatchMsg", fields)
}

// room opens a room, and returns its number.
func (s *server) room(creator string) string {
	s.t.Helper()
	answer := s.call("chatroom/create", map[string]string{"creator": creator, "name": "hall"})
	return fmt.Sprintf("%.0f", answer["chatroom"].(object)["roomid"])
}

// token is one for a user of the app, as its backend mints it.
func token(account string, life time.Duration) string {
	return tokenSignedWith(tokenSecret, account, life)
}

func tokenSignedWith(secret, account string, life time.Duration) string {
	part := func(value any) string { return base64.RawURLEncoding.EncodeToString([]byte(encode(value))) }
	claims := object{"sub": account, "iss": app, "exp": time.Now().Add(life).Unix()}
	head := part(object{"alg": "HS256", "typ": "JWT"}) + "." + part(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(head))
	return head + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func decode(t testing.TB, text []byte) object {
	t.Helper()
	var value object
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return value
}
