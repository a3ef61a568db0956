import AdapterKit
import EmailAdapter
import WebhookAdapter
import WhatsAppAdapter

/// The channels in this binary: a new one is a line here.
let installedAdapters: [any ChannelAdapter.Type] = [
    EmailAdapter.self,
    WhatsAppAdapter.self,
    WebhookAdapter.self,
]
