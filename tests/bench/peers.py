"""Web servers over git http-backend that git-gate is measured beside, set as kindly as we know how: nothing of a request or reply is kept back on disk,
connections are kept for as many requests as come. See tests/process/servers.py for git daemon and lighttpd."""
import http.client
import pwd

from measure import *
from servers import *

NGINX, FCGIWRAP, APACHE = "/usr/sbin/nginx", "/usr/sbin/fcgiwrap", "/usr/sbin/apache2"
MODULES = "/usr/lib/apache2/modules"
BACKEND = os.path.join(git("--exec-path").stdout.strip(), "git-http-backend")
BACKEND_ENV = {"GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "test", "GIT_CONFIG_GLOBAL": ENV["GIT_CONFIG_GLOBAL"], "GIT_CONFIG_NOSYSTEM": "1"}


class Web(Server):
    """A server with a directory and a configuration file of its own."""

    programs = ()
    note = ""

    def __init__(self, name, base, text):
        self.port = free_port()
        self.dir = path("%s%d" % (name, self.port))
        os.makedirs(self.dir, mode=0o755, exist_ok=True)
        self.conf, self.logs = os.path.join(self.dir, "conf"), [os.path.join(self.dir, "error")]
        with open(self.conf, "w") as f:
            f.write(text.replace("@DIR@", self.dir).replace("@PORT@", str(self.port)).replace("@BASE@", base).replace("@BACKEND@", BACKEND))
        super().__init__(name, base, [])

    @classmethod
    def missing(cls):
        lacks = [p for p in cls.programs if not os.path.exists(p)]
        return "there is no " + os.path.basename(lacks[0]) if lacks else ""

    def native(self, repo="r.git"):
        return "http://127.0.0.1:%d/%s" % (self.port, repo)

    def roots(self):
        return [self.process.pid]


class Light(Lighttpd):
    """Both streams at 2: a reply is passed on as it comes, and so is a request."""

    note = "stream-request-body and stream-response-body 2"

    def __init__(self, base):
        super().__init__(base, stream=2)
        with open(self.conf, "a") as f:
            f.write("server.max-keep-alive-requests = 1000000\n")

    def roots(self):
        return [self.process.pid]


class Nginx(Web):
    """Two processes that pass on, and 16 of fcgiwrap (Debian's unit starts one) that wait for their git."""

    programs = NGINX, FCGIWRAP
    note = "2 workers without buffering, fcgiwrap -c 16"

    def __init__(self, base, limits="fastcgi_read_timeout 600s;", workers=16):
        env = "".join("      fastcgi_param %s \"%s\";\n" % kv for kv in BACKEND_ENV.items())
        super().__init__("nginx", base, """%sworker_processes 2; daemon off; pid @DIR@/pid; error_log @DIR@/error;
events { worker_connections 1024; }
http {
  access_log off; client_max_body_size 0; keepalive_requests 1000000; gzip off; %s
  client_body_temp_path @DIR@/b; proxy_temp_path @DIR@/p; fastcgi_temp_path @DIR@/f; uwsgi_temp_path @DIR@/u; scgi_temp_path @DIR@/s;
  server {
    listen 127.0.0.1:@PORT@;
    location / {
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME @BACKEND@;
      fastcgi_param PATH_INFO $uri;
      fastcgi_param GIT_PROJECT_ROOT @BASE@;
%s      fastcgi_request_buffering off; fastcgi_buffering off;
      fastcgi_pass unix:@DIR@/wrap;
    }
  }
}
""" % ("user root; " if os.geteuid() == 0 else "", limits, env))
        self.command = [NGINX, "-e", self.dir + "/error", "-c", self.conf, "-p", self.dir]
        self.wrap, self.workers = None, workers

    def start_helper(self):
        if os.path.exists(self.dir + "/wrap"):
            os.unlink(self.dir + "/wrap")       # one that was killed leaves it
        self.wrap = popen([FCGIWRAP, "-c", str(self.workers), "-s", "unix:" + self.dir + "/wrap"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True, **self.kw)
        atexit.register(self.stop)      # its workers outlive it

    def start(self):
        self.start_helper()
        wait_for(lambda: os.path.exists(self.dir + "/wrap"), "fcgiwrap to listen")
        return super().start()

    def roots(self):
        return [self.process.pid, self.wrap.pid]

    def stop(self):
        super().stop()
        if self.wrap and self.wrap.poll() is None:
            os.killpg(self.wrap.pid, signal.SIGTERM)
            self.wrap.wait(PATIENCE)


class Apache(Web):
    """mpm event and mod_cgid; refuses to serve as root, so then it is another user. limits: lines of its configuration."""

    DEBIAN = "Timeout 300\nKeepAliveTimeout 5\nRequestReadTimeout header=20-40,minrate=500 body=10,minrate=500\n"

    programs = APACHE, MODULES + "/mod_cgid.so"
    note = "mpm event, mod_cgid, mod_reqtimeout as Debian sets it"

    def __init__(self, base, limits=DEBIAN):
        user = ""
        if os.geteuid() == 0:
            pwd.getpwnam("www-data")
            user = "User www-data\nGroup www-data\n"
        env = "".join("SetEnv %s \"%s\"\n" % kv for kv in BACKEND_ENV.items())
        load = "".join("LoadModule %s_module %s/mod_%s.so\n" % (m, MODULES, m)
                       for m in ("mpm_event", "authz_core", "alias", "env", "reqtimeout", "cgid"))
        super().__init__("apache", base, """ServerRoot @DIR@
ServerName localhost
Listen 127.0.0.1:@PORT@
PidFile @DIR@/pid
DefaultRuntimeDir @DIR@
Mutex file:@DIR@ default
ErrorLog @DIR@/error
%s%sStartServers 2
ServerLimit 2
ThreadsPerChild 64
MaxRequestWorkers 128
MinSpareThreads 1
MaxSpareThreads 128
%sMaxKeepAliveRequests 0
ScriptSock @DIR@/cgid
SetEnv GIT_PROJECT_ROOT @BASE@
%sScriptAlias / @BACKEND@/
<Directory />
  Require all granted
</Directory>
""" % (load, user, limits, env))
        if user:
            os.chmod(self.dir, 0o777)
        self.command = [APACHE, "-f", self.conf, "-DFOREGROUND"]

    def serves(self):
        """It answers: one that is told to stop before all its parts are there leaves one of them behind."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            asked.request("HEAD", "/")
            return asked.getresponse().status > 0
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asked.close()


class Native(Daemon):
    """Stand-alone git daemon."""

    note = "--max-connections=0"

    def roots(self):
        return [self.process.pid]

    @staticmethod
    def missing():
        return ""
