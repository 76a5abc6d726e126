// Move a message, with only Mono 6 or .NET.
//
// Usage: mcs -r:System.Net.Http MoveMessage.cs
//        mono MoveMessage.exe URL MAILBOX ID FOLDER [--without-md5]
// The environment has the keys: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.

using System;
using System.Collections.Generic;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text;

public static class MoveMessage
{
    public static int Main(string[] args)
    {
        var uri = "/direct/messages/move/format/json";
        var content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["mailbox"] = args[1], ["id"] = args[2], ["folder"] = args[3],
        });
        var date = DateTimeOffset.UtcNow;
        var request = new HttpRequestMessage(HttpMethod.Post, args[0] + uri) { Content = content };
        request.Headers.Date = date;
        var contentType = content.Headers.ContentType.ToString();
        var lines = new List<string> { "POST", date.ToString("r"), contentType, uri };
        if (args.Length == 4)
        {
            using (var md5 = MD5.Create())
                content.Headers.ContentMD5 = md5.ComputeHash(content.ReadAsByteArrayAsync().Result);
            lines.Insert(2, Convert.ToBase64String(content.Headers.ContentMD5));
        }

        var publicKey = Environment.GetEnvironmentVariable("DAAS_PUBLIC_KEY");
        var privateKey = Environment.GetEnvironmentVariable("DAAS_PRIVATE_KEY");
        using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(privateKey)))
        {
            var hash = hmac.ComputeHash(Encoding.UTF8.GetBytes(string.Join("\n", lines)));
            var hexadecimal = BitConverter.ToString(hash).Replace("-", "").ToLowerInvariant();
            var signature = Convert.ToBase64String(Encoding.UTF8.GetBytes(hexadecimal));
            var authorization = "DAAS " + publicKey + ":" + signature;
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        using (var client = new HttpClient())
        {
            var response = client.SendAsync(request).Result;
            Console.WriteLine(response.Content.ReadAsStringAsync().Result);
            return response.IsSuccessStatusCode ? 0 : 1;
        }
    }
}
