"""The card's side: FramePack as a claim loop over the store. Never imports a chat platform or the bot."""
