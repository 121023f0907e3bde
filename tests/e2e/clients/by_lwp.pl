# Perl's LWP, as its users call it. See clients.py for the arguments.
use strict;
use warnings;
use LWP::UserAgent;

my ($method, $url, $token, $path, $mode) = @ARGV;
my $agent = LWP::UserAgent->new(keep_alive => 1, timeout => 60);
my @statuses;
my $end = "complete";
$| = 1;
for (1 .. ($mode eq "twice" ? 2 : 1)) {
    my $request = HTTP::Request->new($method, $url, [Authorization => "Bearer $token"]);
    if ($path ne "") {
        open my $file, "<:raw", $path or die;
        if ($mode eq "chunked") {
            $request->content(sub { read $file, my $piece, 65536; $piece });
        } else {
            local $/;
            $request->content(<$file>);
        }
    }
    my $answer = $mode eq "lines" ? $agent->request($request, sub { print $_[0] }) : $agent->request($request);
    print $answer->content if $mode ne "lines";
    # An error on its own side is an answer of 500, which says so. What broke off is a success for it, but for a field of its own, X-Died.
    if (($answer->header("Client-Warning") // "") eq "Internal response") {
        $end = "broken " . $answer->status_line;
    } else {
        push @statuses, $answer->code;
    }
}
print STDERR join(",", @statuses), " $end\n";
