"""Real reverse proxies in front of bastion. Each is set up with the few lines that init/README.md's table asks for, and with
nothing else but what lets it run in a folder of its own; where it says what a proxy does without them, there is one without.

A proxy has as many doors as there are bastions behind it: a port each.
"""
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from harness import SYSTEM_PATH, free_port, is_listening, wait_for

HOST = "127.0.0.1"


def kill_group(process):
    """A proxy or web server, and all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


class Door:
    """A port of a proxy's, and the bastion behind it. It can be asked as a server can."""

    def __init__(self, name, server):
        self.name, self.server, self.host, self.port = name, server, HOST, free_port()

    def url(self, path="/cgi-bin/run"):
        return f"http://{self.host}:{self.port}{path}"


class Proxy:
    """A proxy's process, with its own folder. `servers`: the bastions by name."""

    def __init__(self, proxy, servers):
        self.home = Path(tempfile.mkdtemp(prefix="bastion-e2e-proxy-"))
        os.chmod(self.home, 0o755)
        self.doors = {name: Door(name, server) for name, server in servers.items()}
        argv = KINDS[proxy](self)
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen(argv, env={"PATH": SYSTEM_PATH, "HOME": str(self.home)}, cwd=self.home, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        wait_for(lambda: all(is_listening(door.port) for door in self.doors.values()) or self.process.poll() is not None, proxy)
        assert self.process.poll() is None, (self.home / "log").read_text(errors="replace")

    def conf(self, text, name="conf"):
        """Writes a configuration; its path."""
        (self.home / name).write_text(text)
        return str(self.home / name)

    def each(self, template):
        """The template once for every door."""
        return "".join(template.format(name=d.name, host=HOST, port=d.port, back=d.server.port, home=self.home) for d in self.doors.values())

    def stop(self):
        kill_group(self.process)
        shutil.rmtree(self.home)


# ---- nginx ----

NGINX = """
daemon off;
worker_processes 1;
{main}
pid {home}/pid;
error_log {home}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    client_max_body_size 40m;
    {servers}
}}
"""

NGINX_SERVER = """
    server {{{{
        listen {{host}}:{{port}};
        location / {{{{
            proxy_pass http://{{host}}:{{back}};
            {lines}
        }}}}
    }}}}
"""


def nginx(lines):
    def argv(proxy):
        servers = proxy.each(NGINX_SERVER.format(lines=lines))
        return ["nginx", "-e", str(proxy.home / "error.log"), "-c", proxy.conf(NGINX.format(home=proxy.home, main="", servers=servers))]
    return argv


def nginx_upstream(proxy):
    """With connections that are kept for the requests of other clients."""
    servers = "".join(f"""
    upstream {d.name} {{ server {HOST}:{d.server.port}; keepalive 1; }}
    server {{
        listen {HOST}:{d.port};
        location / {{
            proxy_pass http://{d.name};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
""" for d in proxy.doors.values())
    return ["nginx", "-e", str(proxy.home / "error.log"), "-c", proxy.conf(NGINX.format(home=proxy.home, main="", servers=servers))]


NGINX_STREAM = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
events {{ }}
stream {{
    {servers}
}}
"""

NGINX_STREAM_SERVER = """
    server {{
        listen {host}:{port};
        proxy_pass {host}:{back};
        proxy_protocol on;
    }}
"""


def nginx_stream(proxy):
    servers = proxy.each(NGINX_STREAM_SERVER)
    return ["nginx", "-e", str(proxy.home / "error.log"), "-c", proxy.conf(NGINX_STREAM.format(home=proxy.home, servers=servers))]


# ---- HAProxy ----

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
"""

HAPROXY_SERVER = """
listen {name}
    bind {host}:{port}
    server bastion {host}:{back}
"""


def haproxy(proxy, lines="", server=""):
    """With more lines of `defaults`, and more words for each server."""
    servers = proxy.each(HAPROXY_SERVER.rstrip("\n") + f" {server}\n")
    return ["haproxy", "-db", "-f", proxy.conf(HAPROXY + f"    {lines}\n" + servers)]


def haproxy_stream(words):
    return lambda proxy: haproxy(proxy, "mode tcp", f"{words} check inter 100ms")


# ---- Caddy ----

CADDY = """{
    admin off
    auto_https off
}
"""

CADDY_SERVER = """
http://:{port} {{
    bind {host}
    reverse_proxy {host}:{back}
}}
"""


def caddy(proxy):
    return ["caddy", "run", "--adapter", "caddyfile", "--config", proxy.conf(CADDY + proxy.each(CADDY_SERVER), "Caddyfile")]


# ---- Apache ----

APACHE = """
ServerRoot {home}
ServerName bastion.test
PidFile {home}/pid
ErrorLog {home}/error.log
Mutex file:{home}
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
"""

APACHE_PROXY = """
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
"""

APACHE_SERVER = """
Listen {host}:{port}
<VirtualHost {host}:{port}>
    ProxyPass / http://{host}:{back}/
    ProxyPreserveHost On
</VirtualHost>
"""


def apache(proxy):
    return ["apache2", "-DFOREGROUND", "-f", proxy.conf(APACHE.format(home=proxy.home) + APACHE_PROXY + proxy.each(APACHE_SERVER))]


# ---- Varnish ----

VARNISH_SERVER = """
backend {name} {{ .host = "{host}"; .port = "{back}"; }}
"""

VARNISH_CHOICE = """
sub vcl_recv {{ if (local.socket == "{name}") {{ set req.backend_hint = {name}; }} }}
"""


def varnish(proxy):
    vcl = "vcl 4.1;\n" + proxy.each(VARNISH_SERVER) + proxy.each(VARNISH_CHOICE)
    listen = [word for d in proxy.doors.values() for word in ("-a", f"{d.name}={HOST}:{d.port}")]
    return ["varnishd", "-F", "-n", str(proxy.home / "work"), "-f", proxy.conf(vcl, "bastion.vcl"), "-s", "malloc,16m", *listen]


KINDS = {
    "nginx": nginx("proxy_http_version 1.1; proxy_set_header Host $http_host;"),
    "nginx1.0": nginx(""),
    "haproxy": haproxy,
    "caddy": caddy,
    "apache": apache,
    "varnish": varnish,
    # and those that say where the client is; Caddy and Apache do by themselves
    "nginx-forwarded": nginx("proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"),
    "haproxy-forwarded": lambda proxy: haproxy(proxy, "option forwardfor"),
    "haproxy-v1": haproxy_stream("send-proxy"),
    "haproxy-v2": haproxy_stream("send-proxy-v2"),
    "nginx-upstream": nginx_upstream,
    "nginx-stream": nginx_stream,
}
