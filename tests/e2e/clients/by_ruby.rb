# Ruby's net/http, as its users call it. See clients.py for the arguments.
require "net/http"

method, url, token, path, mode = ARGV
uri = URI(url)
statuses = []
begin
  Net::HTTP.start(uri.host, uri.port, read_timeout: 60) do |http|
    (mode == "twice" ? 2 : 1).times do
      request = Net::HTTP.const_get(method.capitalize).new(uri, "Authorization" => "Bearer #{token}")
      request["Expect"] = "100-continue" if mode == "expect"
      http.continue_timeout = 30 if mode == "expect"
      if mode == "chunked"
        request["Transfer-Encoding"] = "chunked"
        request.body_stream = File.open(path, "rb")
      elsif path != ""
        request.body = File.binread(path)
      end
      if mode == "lines"
        http.request(request) do |answer|
          statuses << answer.code
          answer.read_body { |piece| $stdout.write(piece); $stdout.flush }
        end
      else
        answer = http.request(request)
        statuses << answer.code
        $stdout.write(answer.body)
      end
    end
  end
  warn "#{statuses.join(",")} complete"
rescue SystemCallError, IOError, Net::HTTPBadResponse, Net::ReadTimeout => e
  warn "#{statuses.join(",")} broken #{e.inspect}"
end
