/// A key pair that only tests use.
enum KeySetExamples {
    static let rsa = """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7chGTYFzvmKvO
        5lPT4N07Tp2szfq2YjsE+bnfGvpvRP6kw016ey17uzoz9Ycc/OhiXtik84kXY0QR
        5mUuExHIt0aF3YgD/dlTqvGTRZZn67AXvGx9nZCWT3H5KjqzjbnGiUp8wphQOI8P
        8Hcl7dRt/JGqWYxrpoSSCB5amv+arqf+l7tnuCrI+eRARO1QpGTqyGtE7QeZdp+s
        Iaew+tu+Q5gzO9tofWCfjgld0yklZOmGlJ+JPuNIcenqMonFZuEolEiAbXPVJbzo
        Hehad5BOh5A6WXVl4LWWUaJ07PrRw8Psajk82YVpJuOWOJaOHu6lod8+b/ul+9mn
        MFBqGW1BAgMBAAECggEAD5MvVa0Um832PKdTwM+24jYqkNC+q8fmuoebg6fEtlkn
        xX364pn4kgbhE68rjmOPVZkm7DHWKszTO5+GubjY6fIcmIPrSNWfaL3T+9Y05Kan
        R5me9CMTAAJS6I6zOPcmQBJpT4uFx2ijroHfDJZB5++sFNkC+3DnJBEroICvi2Ui
        RRgEJdm85rCAHw363PAU7bBH5wZ3sZMY6PvjKAxt8vQ0/GubPRCchTLy8CtLO0v/
        L0/DeCOgnLycd0nB/H6FjOzuUw114BZvPGAaTIZAELU3D3scvHGpZ1eo/ygGaKvZ
        XHwIZtwfpOS+FDKzG07ZdvtUC92zpuk+XRaT72WNiQKBgQDuQnknm1/7u2PHVOnh
        w5p4bODjHOoCSNqSi82kUWBlbm07w3PHiU8h+njmQa/ufpu5FM12duvN6UA/8ggn
        OUvJR12seFDa44SnSliF2yLPRptc4coh4EzgturiyYKAGO6+48/Kev07ZEuuxoS3
        aBmUjzB40TCtaEOwzwbuIDEj5QKBgQDJZwP7KKgRUmRcQ7Vnmlh2YwEOAa4hryi7
        uO+1PmLHAyGO98HjXyEBzDKJSI1opdW9+x+3bSVUZZm8x1V1OPFGTk3MPhc91W5w
        JT3d01aDQpRe8JARd+Dj5H/EKvTgqCGHbWB/H0tUYlfzuhyBJin8AKOzbA9ygUeN
        +TyiS7fGLQKBgG/2YtKe7Brycy//kiyaa6N9nqx7MOhD7hqBgfBeoUro+oHkFitF
        Nh+EgX3Kjm8npevyf57UwXiwzJWAGh68iQWb+MQMggpqcjLe9/xm/tOinW2nWQJU
        UiwjKPvLr/ycOs0PZt0CsK9RMVN/TGyXibXLF/8eZp6GaZDTqLEMBauVAoGBAIz8
        LSBDTKubhp/D0hgtRqHRGmroqDHyQMxwYHT6sADqYzKGo1Z8QEnW3MWXYU4RULfG
        NGSd5hTXbrBkxaDidJunsvQ3vuNNJhshJtbC23vVPrHbKq7fwTEmwn3bKEKfz6DS
        40r56CyxDyqRbOTHh3peJDo0effJIgLzpwthf8sdAoGBAOHUq9vuEthVz5W3Wv2L
        EHi4zLC400R/Nt43dnMGMOGRwfF2xHGWHDz/Nvh2WkoDQMozAwuy85dJdH+dkKXq
        deSAuzg/Z+JhNZeg93n8z7OZ+A7I7VDT5+NqtQbnSuxOeQWtG3QYtAxbpa8piU7m
        7Ai0cDK7WUFXyunYbCN0pMxX
        -----END PRIVATE KEY-----
        """

    static let rsaPublic = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu3IRk2Bc75irzuZT0+Dd
        O06drM36tmI7BPm53xr6b0T+pMNNenste7s6M/WHHPzoYl7YpPOJF2NEEeZlLhMR
        yLdGhd2IA/3ZU6rxk0WWZ+uwF7xsfZ2Qlk9x+So6s425xolKfMKYUDiPD/B3Je3U
        bfyRqlmMa6aEkggeWpr/mq6n/pe7Z7gqyPnkQETtUKRk6shrRO0HmXafrCGnsPrb
        vkOYMzvbaH1gn44JXdMpJWTphpSfiT7jSHHp6jKJxWbhKJRIgG1z1SW86B3oWneQ
        ToeQOll1ZeC1llGidOz60cPD7Go5PNmFaSbjljiWjh7upaHfPm/7pfvZpzBQahlt
        QQIDAQAB
        -----END PUBLIC KEY-----
        """
}
