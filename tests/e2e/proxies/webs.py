"""`bastion cgi` behind web servers that run CGI programs in other ways than lighttpd and busybox httpd: Apache's mod_cgid, and nginx
with fcgiwrap. Each serves one bastion, on a host of its own, as the account that web servers have."""
import shutil

from harness import BASTION, OWN_FOLDERS, Server, TOKEN, is_unix_listening, settings_files
from proxies import APACHE, NGINX, kill_group

ACCOUNT = "www-data"

APACHE_CGI = """
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
Listen {host}:{port}
DocumentRoot {home}/www
ScriptSock {home}/cgid
ScriptAlias /cgi-bin/run {home}/www/run
<Directory {home}/www>
    CGIPassAuth On
    Require all granted
</Directory>
"""

NGINX_CGI = """
    server {{
        listen {host}:{port};
        location = /cgi-bin/run {{
            fastcgi_pass unix:{home}/fcgi;
            fastcgi_param SCRIPT_FILENAME {home}/www/run;
            fastcgi_param GATEWAY_INTERFACE CGI/1.1;
            fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param NO_BUFFERING 1;
        }}
    }}
"""


def mod_cgid(server):
    conf = server.home / "apache.conf"
    conf.write_text((APACHE + APACHE_CGI).format(home=server.home, host=server.host, port=server.port))
    return ["apache2", "-DFOREGROUND", "-f", str(conf)]


def fcgiwrap(server):
    conf = server.home / "nginx.conf"
    conf.write_text(NGINX.format(home=server.home, main=f"user {ACCOUNT};", servers=NGINX_CGI.format(home=server.home, host=server.host, port=server.port)))
    return ["sh", "-c", f"setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --clear-groups fcgiwrap -c 4 -s unix:{server.home}/fcgi & "
            f"exec nginx -e {server.home}/error.log -c {conf}"]


WEBS = {"mod_cgid": mod_cgid, "fcgiwrap": fcgiwrap}
SOCKETS = {"mod_cgid": "cgid", "fcgiwrap": "fcgi"}  # of what starts programs, which may be there later than the web server's


class Web(Server):
    """A web server with bastion as /cgi-bin/run. Settings are files in /etc/bastion; the command knows $T all the same."""

    def __init__(self, web, **settings):
        self.web = web
        super().__init__(argv=WEBS[web], before=lambda server: server.own_host(settings),
                         FORCE_COMMAND=None, HTTP_TOKEN=None, RUN_DIR=None, SSH_USER=None)

    def own_host(self, settings):
        (self.home / "www").mkdir()
        script = self.home / "www/run"
        script.write_text(f"#!/bin/sh\nT={self.t} ASAN_OPTIONS=detect_leaks=0 exec {BASTION} cgi 2>>{self.log}\n")
        script.chmod(0o755)
        for path in (self.home, self.log):
            shutil.chown(path, ACCOUNT)
        files = {"HTTP_TOKEN": TOKEN, **settings, "FORCE_COMMAND": f"T={self.t}; {settings['FORCE_COMMAND']}"}
        return OWN_FOLDERS + settings_files(files) + f"\nchown {ACCOUNT} /run/bastion"

    def is_listening(self):
        return super().is_listening() and is_unix_listening(self.home, SOCKETS[self.web], ACCOUNT)

    def connections(self):
        return self.processes(BASTION, "cgi")

    def stop(self):
        kill_group(self.process)
        super().stop()
